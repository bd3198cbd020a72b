"""Policies as formulas for z3, written from AWS's documentation and from nothing of `src/policy`.

In: JSON lines on standard input, `{"id", "kind", "old", "new"}` and perhaps `bind`: a document a side, or a list of levels
of documents. Out: a JSON line each, in order: for both directions whether a request exists that one side allows and the
other does not (`sat`, `unsat`, or `unknown` where the time ran out) and how much processor time `check()` took; or why the
pair is not expressible. It never drops what it cannot say: the whole pair is given up then.

A request is an action `service:name`, a resource that is `*` or an ARN, a principal, and the condition keys that the
documents ask for. What holds of them:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

import argparse
import datetime
import ipaddress
import json
import re
import sys
import time
from fractions import Fraction

import z3

# Keys that AWS documents as multivalued; other keys of `aws:` have one value.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
MULTIVALUED = {
    "aws:calledvia",
    "aws:principalorgpaths",
    "aws:principalservicenameslist",
    "aws:resourceorgpaths",
    "aws:sourceorgpaths",
    "aws:tagkeys",
    "aws:vpceorgpaths",
}
# More values of one key at once are given up.
MOST_SLOTS = 12

ORDERS = {
    "equals": lambda left, right: left == right,
    "notequals": lambda left, right: left == right,
    "lessthan": lambda left, right: left < right,
    "lessthanequals": lambda left, right: left <= right,
    "greaterthan": lambda left, right: left > right,
    "greaterthanequals": lambda left, right: left >= right,
}
# By operator: in what way it reads a value, and what it asks; those of an order by themselves.
TEXTS = {
    "stringequals": ("exact", False),
    "stringnotequals": ("exact", True),
    "stringequalsignorecase": ("folded", False),
    "stringnotequalsignorecase": ("folded", True),
    "stringlike": ("like", False),
    "stringnotlike": ("like", True),
    "arnequals": ("arn", False),
    "arnlike": ("arn", False),
    "arnnotequals": ("arn", True),
    "arnnotlike": ("arn", True),
    "bool": ("folded", False),
    "binaryequals": ("exact", False),
}


class NotExpressible(Exception):
    """Something that cannot be said, or not exactly."""


# --- Texts ---------------------------------------------------------------------------------------------------------------

STRING = z3.StringSort()
ANY = z3.AllChar(z3.ReSort(STRING))
# Everything but a colon: below it, and above it up to the last character that z3 knows.
NO_COLON = z3.Union(z3.Range("\\u{0}", "9"), z3.Range(";", "\\u{2ffff}"))
SMALL_NO_COLON = z3.Union(z3.Range("\\u{0}", "9"), z3.Range(";", "@"), z3.Range("[", "\\u{2ffff}"))
YES, NO = z3.BoolVal(True), z3.BoolVal(False)


def all_of(formulas):
    formulas = [one for one in formulas if not z3.is_true(one)]
    if any(z3.is_false(one) for one in formulas):
        return NO
    return z3.And(formulas) if len(formulas) > 1 else (formulas or [YES])[0]


def some_of(formulas):
    formulas = [one for one in formulas if not z3.is_false(one)]
    if any(z3.is_true(one) for one in formulas):
        return YES
    return z3.Or(formulas) if len(formulas) > 1 else (formulas or [NO])[0]


def not_(formula):
    return NO if z3.is_true(formula) else YES if z3.is_false(formula) else z3.Not(formula)


def literal(text):
    if "\\u" in text or "\\x" in text:
        raise NotExpressible("a text that z3 reads as an escape")
    return z3.StringVal(text)


def sequence(parts):
    parts = list(parts)
    return parts[0] if len(parts) == 1 else (z3.Concat(*parts) if parts else z3.Re(""))


def union(parts):
    return parts[0] if len(parts) == 1 else z3.Union(*parts)


def letters_of(letter):
    """A letter in each case that becomes the same small letter."""
    small = letter.lower()
    if len(small) != 1:
        return [letter]
    extra = {"k": "\u212a"}.get(small, "")
    return sorted({small, *(one for one in small.upper() + extra if one.lower() == small), letter})


class Char(str):
    """A character that stands for itself, also where it looks like a wildcard."""


WILD = {"*": object(), "?": object()}
MANY, ONE = WILD["*"], WILD["?"]
VARIABLE = re.compile(r"\$\{(?:([*?$])|([^,}]*?)(?:,\s*'([^']*)'\s*)?)\}")


def tokens(text, variables, wild):
    """Characters, wildcards and variables (`(key, default)`) of a text of a policy."""
    found, at = [], 0
    while at < len(text):
        if variables and text.startswith("${", at):
            variable = VARIABLE.match(text, at)
            if not variable:
                raise NotExpressible("a variable that does not end")
            char, key, default = variable.groups()
            if char is None and (not key or key != key.strip() or re.search(r"[*?${'\"]", key)):
                raise NotExpressible("what is no variable")
            found.append(Char(char) if char else (key.lower(), default))
            at = variable.end()
            continue
        found.append(WILD[text[at]] if wild and text[at] in WILD else Char(text[at]))
        at += 1
    return found


def segments(pattern):
    """The parts of an ARN's pattern: what follows the fifth colon is one part."""
    parts = [[]]
    for token in pattern:
        if isinstance(token, Char) and token == ":" and len(parts) < 6:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def by_segment(pattern):
    """For each token of an ARN's pattern, whether a wildcard there reaches across colons.

    The first five segments keep to themselves; a star at the end of a shorter pattern covers the rest.
    """
    parts = segments(pattern)
    crosses = [len(parts) == 6 and at >= len(pattern) - len(parts[5]) for at in range(len(pattern))]
    if len(parts) < 6 and pattern and pattern[-1] is MANY:
        crosses[-1] = True
    return crosses


def is_wild(token):
    return token is MANY or token is ONE


def matches(value, text, how, variables, request):
    """Whether a value, as z3 has it, matches one text of a policy."""
    pattern = tokens(text, variables, how in ("like", "arn"))
    if any(isinstance(token, tuple) for token in pattern):
        if how == "folded":
            raise NotExpressible("a variable without regard to case")
        return with_variables(value, pattern, request)
    if how == "folded":
        if not any(len(letters_of(char)) > 1 for char in pattern):
            return value == literal("".join(pattern))
        chars = (union([z3.Re(literal(letter)) for letter in letters_of(char)]) for char in pattern)
        return z3.InRe(value, sequence(chars))
    return like(value, pattern, by_segment(pattern) if how == "arn" else [True] * len(pattern))


def like(value, pattern, crosses):
    """Whether a value matches a pattern without variables."""
    wild = [at for at, token in enumerate(pattern) if is_wild(token)]
    if not wild:
        return value == literal("".join(pattern))
    if wild == [len(pattern) - 1] and pattern[-1] is MANY and crosses[-1]:
        return z3.PrefixOf(literal("".join(pattern[:-1])), value) if len(pattern) > 1 else YES
    parts, run = [], ""
    for token, across in zip(pattern, crosses):
        if isinstance(token, Char):
            run += token
            continue
        if run:
            parts.append(z3.Re(literal(run)))
        run = ""
        char = ANY if across else NO_COLON
        parts.append(char if token is ONE else z3.Star(char))
    if run:
        parts.append(z3.Re(literal(run)))
    return z3.InRe(value, sequence(parts))


def with_variables(value, pattern, request):
    """A text with variables: exactly sayable where nothing is wild but a star at the end that crosses colons."""
    star = bool(pattern) and pattern[-1] is MANY
    if any(is_wild(token) for token in pattern[: len(pattern) - star]):
        raise NotExpressible("a variable beside a wildcard")
    known, parts, run = [], [], ""
    for token in pattern[: len(pattern) - star]:
        if isinstance(token, Char):
            run += token
            continue
        name, default = token
        key = request.key(name)
        if key.many or key.way != "text":
            raise NotExpressible("a variable that is no single text")
        if run:
            parts.append(literal(run))
        run = ""
        present, text = key.slots[0]
        if default is None:
            # Nothing is equal to a variable without a value.
            known.append(present)
            parts.append(text)
        else:
            parts.append(z3.If(present, text, literal(default)))
    if run:
        parts.append(literal(run))
    whole = parts[0] if len(parts) == 1 else z3.Concat(*parts)
    return all_of([*known, z3.PrefixOf(whole, value) if star else value == whole])


class Action:
    """`service:name` in small letters, as two texts."""

    def __init__(self):
        self.service, self.name = z3.String("service"), z3.String("name")
        small = z3.Plus(SMALL_NO_COLON)
        self.facts = [z3.InRe(self.service, small), z3.InRe(self.name, small)]

    def matches(self, text):
        """The colon is one that the pattern has, or one that a wildcard stands for."""
        pattern, found = tokens(text.lower(), False, True), []
        for at, token in enumerate(pattern):
            if token is MANY:
                found.append((pattern[: at + 1], pattern[at:]))
            elif token is ONE or token == ":":
                found.append((pattern[:at], pattern[at + 1 :]))
        both = ([like(self.service, left, [True] * len(left)), like(self.name, right, [True] * len(right))] for left, right in found)
        return some_of(all_of(one) for one in both)


class Arn:
    """An ARN as its segments after `arn`, each a text of its own; the last may hold colons."""

    def __init__(self, name, may_be_star, region=None):
        names = ["partition", "service", "region", "account", "rest"]
        self.segments = [z3.String(f"{name} {part}") for part in names]
        self.is_star = z3.Bool(f"{name} is a star") if may_be_star else NO
        self.facts = [z3.InRe(segment, z3.Plus(NO_COLON)) for segment in self.segments[:2]]
        self.facts += [z3.InRe(segment, z3.Star(NO_COLON)) for segment in self.segments[2:4]]
        if region is not None:
            self.facts.append(self.segments[2] == region)

    def matches(self, text, variables, request):
        pattern = tokens(text, variables, True)
        on_all = self.is_star if star(pattern) else NO
        return some_of([on_all, all_of([not_(self.is_star), self.fits(segments(pattern), request)])])

    def fits(self, parts, request):
        """Whether the ARN fits, segment by segment; a shorter pattern only where a star at its end covers the rest."""
        if len(parts) < 6 and not (parts[-1] and parts[-1][-1] is MANY):
            return NO
        found = []
        for part, segment in zip(parts, [None, *self.segments]):
            if any(isinstance(token, tuple) for token in part):
                # A colon in the value would move what follows.
                if len(parts) < 6 or part is not parts[5]:
                    raise NotExpressible("a variable before the last segment")
                found.append(with_variables(segment, part, request))
            elif segment is None:
                found.append(YES if plain(part, "arn") else NO)
            else:
                found.append(like(segment, part, [True] * len(part)))
        return all_of(found)


def plain(pattern, text):
    """Whether a text that is known matches a pattern without variables."""
    if not pattern:
        return not text
    if pattern[0] is MANY:
        return plain(pattern[1:], text) or (bool(text) and plain(pattern, text[1:]))
    return bool(text) and (pattern[0] is ONE or pattern[0] == text[0]) and plain(pattern[1:], text[1:])


def star(pattern):
    """Whether the resource `*` matches."""
    if any(isinstance(token, tuple) for token in pattern):
        # It could only be the value itself that is a star.
        if len(segments(pattern)) == 1:
            raise NotExpressible("a variable that may be a star")
        return False
    return plain(pattern, "*")


# --- Values that are no texts --------------------------------------------------------------------------------------------


def number(text):
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", text):
        raise NotExpressible(f"`{text}` is no number")
    return Fraction(text)


def moment(text):
    """Seconds since 1970."""
    if re.fullmatch(r"-?\d{1,15}", text):
        return Fraction(text)
    parts = re.fullmatch(
        r"(\d{4})-(\d\d)(?:-(\d\d)(?:[Tt](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?([Zz]|[+-]\d\d:\d\d))?)?", text
    )
    if not parts:
        raise NotExpressible(f"`{text}` is no moment")
    year, month, day, hour, minute, second, fraction, zone = parts.groups()
    try:
        whole = datetime.datetime(
            int(year), int(month), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=datetime.UTC
        )
    except ValueError as error:
        raise NotExpressible(f"`{text}` is no moment") from error
    seconds = Fraction(int((whole - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)).total_seconds()))
    if zone and zone not in "Zz":
        sign = -1 if zone[0] == "+" else 1
        seconds += sign * (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60)
    return seconds + Fraction(fraction or 0)


def network(text):
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise NotExpressible(f"`{text}` is no address") from error


# --- Conditions ----------------------------------------------------------------------------------------------------------


class Condition:
    """One operator on one key."""

    def __init__(self, operator, key, values, variables):
        self.quantifier, word = None, operator.lower()
        for prefix in ("forallvalues:", "foranyvalue:"):
            if word.startswith(prefix):
                self.quantifier, word = prefix[:-1], word.removeprefix(prefix)
        self.if_exists = word.endswith("ifexists") and word != "ifexists"
        self.operator = word.removesuffix("ifexists") if self.if_exists else word
        self.key, self.variables = key.lower(), variables
        self.values = [one if isinstance(one, str) else json.dumps(one) for one in several(values)]
        self.way, self.negated = self.read()

    def read(self):
        """In what way it reads values, and whether it is a `Not…`."""
        if self.operator == "null":
            if self.quantifier or self.if_exists:
                raise NotExpressible("what AWS says nothing about: a prefix or suffix of `Null`")
            return None, False
        if self.operator in TEXTS:
            return "text", TEXTS[self.operator][1]
        for prefix, way in (("numeric", "number"), ("date", "moment")):
            if self.operator.removeprefix(prefix) in ORDERS and self.operator.startswith(prefix):
                return way, self.operator == f"{prefix}notequals"
        if self.operator in ("ipaddress", "notipaddress"):
            return "address", self.operator == "notipaddress"
        raise NotExpressible(f"the operator `{self.operator}`")

    def matches(self, value, request):
        """Whether a value of the request matches one of the policy's, the `Not…` left aside."""
        return some_of(self.one_matches(value, text, request) for text in self.values)

    def one_matches(self, value, text, request):
        if self.way == "text":
            if self.operator == "bool" and text.lower() not in ("true", "false"):
                raise NotExpressible(f"`{text}` is no truth")
            variables = self.variables and self.operator not in ("bool", "binaryequals")
            return matches(value, text, TEXTS[self.operator][0], variables, request)
        if "${" in text:
            raise NotExpressible("a variable that is no text")
        if self.way == "address":
            return inside(value, network(text))
        is_one, real = value
        asked = number(text) if self.way == "number" else moment(text)
        order = ORDERS[self.operator.removeprefix("numeric").removeprefix("date")]
        return z3.And(is_one, order(real, z3.RealVal(str(asked))))

    def holds(self, request):
        key = request.key(self.key)
        if self.operator == "null":
            wanted = {text.lower() for text in self.values}
            if not wanted <= {"true", "false"}:
                raise NotExpressible("`Null` of what is no truth")
            return some_of(key.missing() if one == "true" else not_(key.missing()) for one in sorted(wanted))
        missing, negated, quantifier = key.missing(), self.negated, self.quantifier
        positive = lambda value: self.matches(value, request)
        negative = lambda value: not_(self.matches(value, request))
        if quantifier == "forallvalues":
            return not_(key.some(positive if negated else negative))
        if quantifier == "foranyvalue":
            found = key.some(negative if negated else positive)
        elif negated:
            # None of the values may match; a missing key has none.
            return not_(key.some(positive))
        else:
            found = key.some(positive)
        return z3.Or(found, missing) if self.if_exists else found


def inside(value, net):
    family, four, six = value
    version, bits, address = (4, 32, four) if net.version == 4 else (6, 128, six)
    low = bits - net.prefixlen
    if net.prefixlen == 0:
        return family == version
    asked = z3.BitVecVal(int(net.network_address) >> low, net.prefixlen)
    return z3.And(family == version, z3.Extract(bits - 1, low, address) == asked)


class Key:
    """A condition key: slots that may hold a value each. A difference needs no more values than there are conditions."""

    def __init__(self, name, conditions, is_variable):
        asked = [one for one in conditions if one.key == name]
        ways = {one.way for one in asked if one.way} or {"text"}
        if len(ways) > 1:
            raise NotExpressible(f"`{name}` is read in more than one way")
        self.way = ways.pop()
        single = name.startswith("aws:") and name not in MULTIVALUED
        self.many = name in MULTIVALUED or (any(one.quantifier for one in asked) and not single)
        slots = 1 + len(asked) if self.many else 1
        if slots > MOST_SLOTS:
            raise NotExpressible(f"`{name}` would need {slots} values at once")
        if is_variable and self.many:
            raise NotExpressible("a variable that is no single text")
        self.slots = [(z3.Bool(f"{name} {at} is there"), self.value(f"{name} {at}")) for at in range(slots)]

    def value(self, name):
        if self.way == "text":
            return z3.String(name)
        if self.way == "address":
            # 4 or 6, or neither: a value that is no address.
            return z3.Int(f"{name} family"), z3.BitVec(f"{name} v4", 32), z3.BitVec(f"{name} v6", 128)
        return z3.Bool(f"{name} is one"), z3.Real(name)

    def missing(self):
        return not_(some_of(present for present, _ in self.slots))

    def some(self, holds):
        return some_of(z3.And(present, holds(value)) for present, value in self.slots)

    def is_only(self, text):
        """It has this value and no other."""
        if self.way == "text":
            equal = lambda value: value == literal(text)
        elif self.way == "address":
            equal = lambda value: inside(value, network(text))
        else:
            asked = number(text) if self.way == "number" else moment(text)
            equal = lambda value: z3.And(value[0], value[1] == z3.RealVal(str(asked)))
        return z3.And(not_(self.missing()), not_(self.some(lambda value: not_(equal(value)))))


# --- Documents -----------------------------------------------------------------------------------------------------------


def several(value):
    return value if isinstance(value, list) else [value]


class Document:
    def __init__(self, text):
        self.variables = text.get("Version", "2008-10-17") != "2008-10-17"
        self.statements = [Statement(said, self.variables) for said in several(text["Statement"])]


class Statement:
    def __init__(self, said, variables):
        effect = said["Effect"].lower()
        if effect not in ("allow", "deny"):
            raise NotExpressible(f"the effect `{effect}`")
        self.allows, self.said, self.variables = effect == "allow", said, variables
        self.conditions = [
            Condition(operator, key, values, variables)
            for operator, keys in said.get("Condition", {}).items()
            for key, values in keys.items()
        ]

    def texts(self):
        for word in ("Resource", "NotResource"):
            yield from several(self.said.get(word, []))
        for condition in self.conditions:
            yield from condition.values

    def holds(self, request):
        said, parts = self.said, []
        for word, negated in (("Action", False), ("NotAction", True)):
            if word in said:
                found = some_of(
                    request.action.matches(text) for text in several(said[word])
                )
                parts.append(not_(found) if negated else found)
        for word, negated in (("Resource", False), ("NotResource", True)):
            if word in said:
                found = some_of(
                    request.resource.matches(text, self.variables, request) for text in several(said[word])
                )
                parts.append(not_(found) if negated else found)
        for word, negated in (("Principal", False), ("NotPrincipal", True)):
            if word in said and request.has_principal:
                found = request.is_one_of(said[word])
                parts.append(not_(found) if negated else found)
        parts.extend(condition.holds(request) for condition in self.conditions)
        return all_of(parts)


class Request:
    """What a request is made of, and what is true of every one."""

    def __init__(self, kind, documents, bind):
        self.has_principal = kind in ("rcp", "resource")
        self.action, self.resource = Action(), Arn("resource", True)
        # Of an AWS principal the ARN counts, of the others the name. Principals belong to no region.
        self.sort, self.principal, self.name = z3.Int("sort of principal"), Arn("principal", False, ""), z3.String("who")
        statements = [said for document in documents for said in document.statements]
        conditions = [one for said in statements for one in said.conditions]
        variables = set()
        for said in statements:
            if said.variables:
                for text in said.texts():
                    variables.update(key.lower() for _, key, _ in VARIABLE.findall(text) if key)
        names = {one.key for one in conditions} | variables
        self.keys = {name: Key(name, conditions, name in variables) for name in sorted(names)}
        self.facts = [*self.action.facts, *self.resource.facts]
        if self.has_principal:
            self.facts += [*self.principal.facts, self.sort >= 0, self.sort <= len(SORTS), self.name != ""]
        for name, text in bind.items():
            # A key that nobody asks for may have any value.
            if name.lower() in self.keys:
                self.facts.append(self.keys[name.lower()].is_only(text))

    def key(self, name):
        return self.keys[name]

    def is_one_of(self, names):
        """Whether the principal is one that a document names.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
        """
        if names == "*":
            return YES
        found = []
        for word, listed in names.items():
            if word.lower() not in SORTS:
                raise NotExpressible(f"the principal `{word}`")
            sort = SORTS.index(word.lower())
            for name in several(listed):
                if sort == 0 and name == "*":
                    found.append(YES)
                else:
                    of = self.aws(name) if sort == 0 else self.name == literal(name)
                    found.append(z3.And(self.sort == sort, of))
        return some_of(found)

    def aws(self, name):
        """A user by its ARN, a role by its ARN or as its session, an account by anyone in it."""
        partition, _, _, account, rest = self.principal.segments
        if re.fullmatch(r"\d{12}", name):
            return account == literal(name)
        parts = name.split(":", 5)
        if len(parts) < 6 or parts[0] != "arn":
            return NO
        exact = all_of(segment == literal(part) for segment, part in zip(self.principal.segments, parts[1:]))
        if parts[2] == "iam" and parts[3] == "":
            here = [partition == literal(parts[1]), account == literal(parts[4])]
            if parts[5] == "root":
                return all_of(here)
            if parts[5].startswith("role/"):
                session = f"assumed-role/{parts[5].rsplit('/', 1)[1]}/"
                here += [self.principal.segments[1] == "sts", z3.PrefixOf(literal(session), rest)]
                return z3.Or(exact, all_of(here))
        return exact


# Beside them a principal may be anonymous.
SORTS = ["aws", "service", "federated", "canonicaluser"]


def levels(side):
    """By level: its documents."""
    found = side if isinstance(side, list) else [[side]]
    return [[Document(document) for document in level] for level in found]


def allowed(kind, stack, request):
    """Every level allows it, and nothing anywhere denies it; resource control policies only deny."""
    denied = [
        said.holds(request) for level in stack for document in level for said in document.statements if not said.allows
    ]
    parts = [not_(some_of(denied))]
    if kind != "rcp":
        for level in stack:
            parts.append(some_of(said.holds(request) for document in level for said in document.statements if said.allows))
    return all_of(parts)


def full_access(stack):
    every = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    for level in stack:
        level.append(Document(every))


def check(facts, timeout):
    solver = z3.Solver()
    solver.set("timeout", timeout)
    solver.add(*facts)
    begun = time.process_time()
    answer = str(solver.check())
    return {"answer": answer, "milliseconds": (time.process_time() - begun) * 1000}


def answer(pair, timeout):
    kind = pair["kind"]
    try:
        old, new = levels(pair["old"]), levels(pair["new"])
        documents = [document for stack in (old, new) for level in stack for document in level]
        alone = not isinstance(pair["old"], list) and not isinstance(pair["new"], list)
        if kind == "scp" and alone and not any(said.allows for document in documents for said in document.statements):
            full_access(old)
            full_access(new)
        request = Request(kind, documents, pair.get("bind", {}))
        before, after = allowed(kind, old, request), allowed(kind, new, request)
        return {
            "id": pair["id"],
            "weaker": check([*request.facts, after, not_(before)], timeout),
            "stricter": check([*request.facts, before, not_(after)], timeout),
        }
    except NotExpressible as why:
        return {"id": pair["id"], "not_expressible": str(why)}


def main():
    parser = argparse.ArgumentParser(description="Says of pairs of policies, with z3, whether they differ.")
    parser.add_argument("--timeout", type=int, default=10_000, help="milliseconds that one direction may take")
    timeout = parser.parse_args().timeout
    for line in sys.stdin:
        # Numbers stay the text that they are.
        pair = json.loads(line, parse_float=str, parse_int=str)
        print(json.dumps(answer(pair, timeout)), flush=True)


if __name__ == "__main__":
    main()
