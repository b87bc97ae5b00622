from __future__ import annotations

from iobuffer.errors import Problem
from iobuffer.settings.raw import ABSENT, Node, Report, from_object, put


def test_dotted_and_nested_names_make_the_same_tree() -> None:
    report = Report("x.json")

    dotted = from_object({"tls.cert": "a", "tls.key": "b"}, report)
    nested = from_object({"tls": {"cert": "a", "key": "b"}}, report)

    assert dotted == nested
    assert nested.children["tls"].children["cert"].path == "tls.cert"
    assert not report.problems


def test_a_name_may_have_a_value_and_options_beneath_it() -> None:
    report = Report("c.ini")
    root = Node("")

    put(root, "framing", "delimiter", 4, report)
    put(root, "framing.delimiter", "x", 5, report)

    framing = root.children["framing"]
    assert (framing.value, framing.line) == ("delimiter", 4)
    assert framing.children["delimiter"].value == "x"
    assert framing.given
    assert not Node("empty").given


def test_options_may_stand_above_the_name_that_they_belong_to() -> None:
    report = Report("c.ini")
    root = Node("")

    put(root, "framing.delimiter", "x", 4, report)
    put(root, "framing", "delimiter", 5, report)

    assert (root.children["framing"].value, root.children["framing"].line) == (
        "delimiter",
        5,
    )


def test_one_value_in_two_spellings_is_given_twice() -> None:
    report = Report("x.json")

    from_object({"tls": {"cert": "a"}, "tls.cert": "b"}, report, "source")

    assert report.problems == [
        Problem("given twice", file="x.json", option="source.tls.cert")
    ]


def test_a_name_with_an_empty_part_is_no_name() -> None:
    report = Report("x.json")

    from_object({"tls.": "a", "": 1}, report)

    assert [problem.message for problem in report.problems] == [
        "not a name of an option"
    ] * 2


def test_an_empty_object_is_as_good_as_none() -> None:
    node = from_object({"tls": {}}, Report("x.json")).children["tls"]

    assert node.value is ABSENT
    assert not node.given


def test_a_problem_without_a_line_stands_at_the_head_of_its_section() -> None:
    report = Report("c.ini", "source:x", 7)

    report.error("bad", "port", 9)
    report.warning("odd")

    assert [str(problem) for problem in report.problems] == [
        "c.ini:9: [source:x] port: bad",
        "c.ini:7: warning: [source:x] odd",
    ]
    assert report.errors == 1


def test_more_errors_than_somebody_reads_are_counted_and_not_told() -> None:
    report = Report("x.json")
    for number in range(1000):
        report.error(f"fault {number}")
        report.warning(f"doubt {number}")

    assert report.errors == 1000
    assert report.is_full
    assert len(report.problems) == 200
    assert report.problems[-1].message == "there is more; mend these first"


def test_a_name_without_end_makes_no_tree() -> None:
    report = Report("x.json")
    node = from_object({"x" + ".x" * 500_000: 1}, report)

    assert node.children == {}
    assert "longer than any name" in report.problems[0].message
