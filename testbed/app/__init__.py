"""The application that the test bed runs: one Coral server and eight agents a task, and the web site in front.

27 to 54 of these processes start on two cores, so they import little and use no framework.
"""
