# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Set attributes of target groups through the stacks that own them: one change set a stack, made, looked at, executed
and followed to its end. What it is to change and what it may change, rules/stack.py says.

A change set has its name from the release and from what is wanted. So a run that goes on finds the one that a dead run
made, and executes it or watches it, and makes no second one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import fence, reads, stacks, waits, writes
from ansible_collections.steady.ecs.plugins.module_utils.rules import conclusion, ownership, plan, target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules import stack as rules
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]

LONGEST = 1800
"""Seconds for one step of CloudFormation's: attributes take less than a minute, a busy account longer."""
LOOK_EVERY = 2
MOST_NAMES = 20
"""Change sets of one release and one wish, of which all but the last came to nothing."""


@dataclass
class Planned:
    """What one stack is to change, or why it cannot."""

    parts: list[rules.Part]
    name: str = ""
    """Of the stack; empty where there is none."""
    stack: rules.Stack | None = None
    edit: rules.Edit | None = None
    problem: str = ""

    @property
    def words(self) -> str:
        """What is to change."""
        if self.problem or self.stack is None or self.edit is None:
            return self.problem
        if self.edit.changes:
            how = self.edit.words(self.stack)
        elif self.stack.ready:
            how = f"as stack {self.stack.name} has it already, set directly"
        else:
            how = f"once stack {self.stack.name} has executed the change set of an earlier run"
        return f"attributes of {', '.join(each.name for each in self.parts)}, {how}"


def parts(declared: plan.Declared, now: plan.Live) -> list[rules.Part]:
    """The target groups of a declaration. Raises DeclarationError."""
    meant = plan.parts(declared, now)
    return [rules.Part(each.group, each.text(now.attributes[each.arn]), now.attributes[each.arn]) for each in meant]


def calls(task: Task, declared: plan.Declared, now: plan.Live) -> list[str] | None:
    """What a plan says of the attributes where a stack owns them; None where none does. Raises DeclarationError."""
    if declared.owner != ownership.STACK:
        return None
    found = []
    for each in planned(task, parts(declared, now)):
        call = "cloudformation:ExecuteChangeSet" if each.edit and each.edit.changes else writes.MODIFY
        found.append(f"{call} ({each.words})" if not each.problem else f"no change set: {each.problem}")
    return found


def planned(task: Task, wanted: list[rules.Part]) -> list[Planned]:
    """What each stack of these groups is to change; of a group without a stack, and of a stack that cannot, why not.
    Raises Failure for what AWS does not answer, but not for a right that is missing.

    ``wanted``: all groups that are declared. Those that have what is wanted ask for nothing, but may share a parameter
    with one that has not.
    """
    found: list[Planned] = []
    by_stack: dict[str, list[rules.Part]] = {}
    for part in wanted if _open(wanted) else []:
        try:
            tags = reads.target_group_tags(task, part.arn)
        except Failure as failure:
            found.append(Planned([part], problem=_unread(failure)))
            continue
        name = tags.get(ownership.STACK_NAME)
        if name:
            part = replace(part, logical_id=tags.get(ownership.LOGICAL_ID, ""))
            by_stack.setdefault(name, []).append(part)
        else:
            found.append(Planned([part], problem=f"no tag of {part.name} names a stack"))
    found = [each for each in found if _open(each.parts)]
    return found + [_of_stack(task, name, each) for name, each in by_stack.items() if _open(each)]


def _open(wanted: list[rules.Part]) -> list[rules.Part]:
    return [each for each in wanted if each.open]


def _of_stack(task: Task, name: str, wanted: list[rules.Part]) -> Planned:
    try:
        stack = stacks.stack(task, name)
    except Failure as failure:
        return Planned(_open(wanted), name, problem=_unread(failure))
    hindrance = rules.hindrance(stack, task.params["service"])
    if hindrance or not stack.ready:  # one of ours is being executed: what follows is seen then
        return Planned(_open(wanted), name, stack, rules.Edit(), hindrance)
    edit = rules.edit(stack, wanted)
    return Planned(edit.parts, name, stack, edit, edit.problem)


def _unread(failure: Failure) -> str:
    if failure.fields.get("reason") not in ("access_denied", "refused") or waits.passing(failure):
        raise failure
    return failure.msg


def apply(task: Task, wanted: list[rules.Part], why: str, fenced: Task) -> list[Planned]:
    """Have the stacks set what is wanted, and wait until they have; answers what they have changed.

    All change sets are made and looked at before the first is executed. Raises Failure, and nothing is changed then,
    where one cannot be made or would change anything else. ``fenced``: the task that executes, and is refused where the
    next must not be executed any more: each takes as long as its stack does. Those that are not executed then are
    deleted; a run that is cut off leaves them to the one that goes on.
    """
    ready: list[tuple[Planned, rules.Stack, Answer]] = []
    executed: list[Planned] = []
    try:
        for each in _at_rest(task, wanted):
            if each.problem or each.stack is None or each.edit is None:
                raise refusal(each)
            made = _made(task, each, each.stack, each.edit, why) if each.edit.changes else None
            if made:
                ready.append((each, each.stack, made))
        while ready:
            fence.passed(fenced)
            each, stack, made = ready.pop(0)
            _execute(fenced, stack, made)
            executed.append(each)
    except Failure as failure:
        if not conclusion.is_cut_off(failure.fields):
            _withdraw(task, [(stack, made["ChangeSetName"]) for _each, stack, made in ready])
        raise
    return executed


def _withdraw(task: Task, left: list[tuple[rules.Stack, str]]) -> None:
    """Delete change sets that somebody might take for wanted. What keeps them is said: the run has failed already."""
    for stack, name in left:
        try:
            said = _deleted(task, stack, name)
        except Failure as failure:
            said = f"and it could not be deleted: {failure.msg}"
        task.report(f"change set {name} of stack {stack.name} is not executed, {said}")


def _at_rest(task: Task, wanted: list[rules.Part]) -> list[Planned]:
    """What is to change once no change set of ours is being executed."""
    found = planned(task, wanted)
    busy = [each.stack for each in found if each.stack and not each.problem and not each.stack.ready]
    for stack in busy:
        task.report(f"stack {stack.name} executes a change set of an earlier run: watching it")
        _followed(task, stack.name, stack.change_set)
    return planned(task, wanted) if busy else found


def _made(task: Task, what: Planned, stack: rules.Stack, edit: rules.Edit, why: str) -> Answer | None:
    """A change set that may be executed; None where the stack has all of it already."""
    name, is_there = _free_or_usable(task, stack, what.parts)
    task.report(f"{what.words} ({name})")
    if not is_there:
        stacks.create_change_set(task, rules.request(stack, edit, name, why))

    def created() -> Answer | None:
        found = stacks.change_set(task, stack.name, name)
        return found if found and found["Status"] in ("CREATE_COMPLETE", "FAILED") else None

    made = _until(task, created, f"change set {name} to be made")
    beyond = rules.beyond(made["Changes"], [each.logical_id for each in what.parts])
    if made["Status"] == "CREATE_COMPLETE" and not beyond:
        return made
    gone = _deleted(task, stack, name)
    reason = str(made.get("StatusReason") or "AWS gives no reason")
    if beyond:
        raise refusal(replace(what, problem=f"the change set would also change {'; '.join(beyond)}, {gone}"))
    if rules.changes_nothing(reason):
        return None
    raise refusal(replace(what, problem=f"AWS could not make the change set: {reason}"))


def _deleted(task: Task, stack: rules.Stack, name: str) -> str:
    try:
        stacks.delete_change_set(task, stack.name, name)
    except Failure as failure:
        if failure.fields.get("reason") != "access_denied":
            raise
        return f"and it could not be deleted: {failure.msg}"
    return "so it was deleted"


def _free_or_usable(task: Task, stack: rules.Stack, wanted: list[rules.Part]) -> tuple[str, bool]:
    """The change set that an earlier run made and did not execute; else a name that is free. Says which of both."""
    service, release = task.params["service"], task.params.get("release") or {}
    base = rules.name(f"{task.params['cluster']}/{service}", service, release.get("seq"), wanted)
    for number in range(1, MOST_NAMES + 1):
        name = base if number == 1 else f"{base}-{number}"
        found = stacks.change_set(task, stack.name, name)
        if found is None or found["ExecutionStatus"] == "AVAILABLE" or found["Status"] in rules.BEING_MADE:
            return name, found is not None
    raise Failure(
        f"Stack {stack.name} has {MOST_NAMES} change sets {base}, none of which came to anything. Delete them, then "
        "run the same command again.",
        reason="stack",
    )


def _execute(task: Task, stack: rules.Stack, made: Answer) -> None:
    name = made["ChangeSetName"]
    task.report(f"executing change set {name}; if this is interrupted: the same command again goes on with it")
    stacks.execute_change_set(task, stack.name, name)
    status = _followed(task, stack.name, made["ChangeSetId"])
    if status != rules.UPDATED:
        has, remedy = rules.after_failure(stack.name, status)
        cause = _cause(task, stack)
        raise Failure(
            f"Stack {stack.name} did not keep change set {name}: it is {status}, and {has}. The cause: "
            f"{cause.rstrip('.')}. {remedy}",
            reason="stack_went_back",
        )


def _cause(task: Task, stack: rules.Stack) -> str:
    """Why a stack has gone back; that nobody may read its events is said in its place."""
    try:
        return rules.cause(stacks.events(task, stack.name), stack.name)
    except Failure as failure:
        if failure.fields.get("reason") != "access_denied":
            raise
        return failure.msg


def _followed(task: Task, name: str, change_set: str) -> str:
    """The status of a stack that has come to rest with this change set (ARN), for good or ill."""

    def ended() -> str | None:
        found = stacks.described(task, name)
        status = str(found["StackStatus"])
        task.count(f"stack {name} is {status}")
        at_rest = not status.endswith(rules.UNDER_WAY) and found.get("ChangeSetId") == change_set
        return status if at_rest else None

    return _until(task, ended, f"stack {name} to execute its change set")


# pylint: disable-next=using-generic-type-syntax-in-unsupported-version  # Python 3.12
def _until[T](task: Task, look: Callable[[], T | None], what: str) -> T:
    """Look until there is an answer. One that does not come says nothing of the service."""

    def looking(_elapsed: float) -> T | None:
        if task.lease is not None:
            task.lease.renew_if_due()
        return look()

    found = waits.until(looking, LONGEST, LOOK_EVERY)
    if found is None:
        raise Failure(
            f"Waited {LONGEST} s for {what}. Look at it in CloudFormation; once it has ended, run the same command "
            "again, which goes on with it.",
            reason="stack_unfinished",
            cut_off=True,
        )
    return found


def refusal(what: Planned) -> Failure:
    """Why attributes are not set through a stack, and what to write there."""
    lines = [
        line
        for each in what.parts
        for line in ownership.to_write(ownership.STACK, target_group.compare(each.wanted, each.live, each.name))
    ]
    names = ", ".join(each.name for each in what.parts)
    return Failure(
        f"Attributes of {names} are not set: {what.problem.rstrip('.')}. Nothing was changed by this. Write in the "
        "stack's template, update the stack, then run the same command again:\n" + "\n".join(lines),
        reason="stack",
    )
