"""``python -m course_lib.publishing``: derive, execute and check what comes from ``notebooks/source``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.publishing.settings import House, this_house


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.publishing", description=__doc__)
    parser.add_argument("--root", type=Path, default=None, help="root folder of the course (default: this one)")
    commands = parser.add_subparsers(dest="command", required=True)
    notebooks = commands.add_parser("notebooks", help="derive the notebooks of all or the named lessons")
    notebooks.add_argument("--execute", action="store_true", help="run them too")
    notebooks.add_argument("--stale", action="store_true", help="run only those whose outputs come from other code")
    notebooks.add_argument("names", nargs="*", help="lessons, for example 01 or 01_regression_blur")
    slides = commands.add_parser("slides", help="export decks to slides/build")
    slides.add_argument("--pdf", action="store_true", help="print each deck too (needs Chromium or Chrome)")
    slides.add_argument("names", nargs="*")
    assignment = commands.add_parser("assignment", help="write a lesson as an assignment that nbgrader grades")
    assignment.add_argument("names", nargs="+", help="lessons, for example 03")
    grade = commands.add_parser("grade", help="grade the hand-ins of a lesson")
    grade.add_argument("names", nargs=1, metavar="name", help="the lesson, for example 03")
    grade.add_argument("hand_ins", type=Path, help="folder with a notebook for each student")
    for one in (assignment, grade):
        one.add_argument("--root", dest="classroom", type=Path, default=None, help="folder of the class")
    commands.add_parser("site", help="build the website to site/")
    own = commands.add_parser("own", help="bring the learner's own copy of the lessons up to date")
    own.add_argument("--fresh", action="store_true", help="take all lessons anew; what was changed is put aside")
    commands.add_parser("readme", help="write the tables of lessons and of decks into the READMEs")
    commands.add_parser("check", help="say how the notebooks disagree with their sources")
    options = parser.parse_args(arguments)
    house = House(options.root.resolve()) if options.root else this_house()
    try:
        return _run(house, options)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1


def _run(house: House, options: argparse.Namespace) -> int:
    if options.command == "notebooks":
        _notebooks(house, options)
    elif options.command == "slides":
        from course_lib.publishing.slides import export, print_pdf

        for lesson in house.find(options.names):
            deck = export(house, lesson)
            print(f"slides    {deck.relative_to(house.root)}", flush=True)
            if options.pdf:
                for notes in (False, True):
                    print(f"pdf       {print_pdf(deck, notes=notes).relative_to(house.root)}", flush=True)
    elif options.command == "assignment":
        from course_lib.publishing.classroom import write_assignment

        for lesson in house.find(options.names):
            print(f"hand out {write_assignment(house, lesson, options.classroom)}", flush=True)
    elif options.command == "grade":
        _grade(house, options)
    elif options.command == "site":
        from course_lib.publishing.website import build

        print(f"site      {build(house).relative_to(house.root)}", flush=True)
    elif options.command == "own":
        from course_lib.publishing.working_copy import FOLDER, renew

        print(*renew(house, fresh=options.fresh), f"Your copy of the lessons is in {FOLDER}.", sep="\n", flush=True)
    elif options.command == "readme":
        from course_lib.publishing.readme import update

        print("README.md " + ("updated" if update(house) else "is up to date"))
    else:
        from course_lib.publishing.derive import differences

        problems = [problem for lesson in house.lessons() for problem in differences(house, lesson)]
        print("\n".join(problems) or "All notebooks agree with their sources.")
        return int(bool(problems))
    return 0


def _grade(house: House, options: argparse.Namespace) -> None:
    from course_lib.publishing.classroom import grade

    (lesson,) = house.find(options.names)
    grades = grade(house, lesson, options.hand_ins, options.classroom)
    for row in grades.rows:
        each = "  ".join(f"{exercise} {points:g}" for exercise, points in row.points.items())
        print(f"{row.student:24} {row.total:g} of {sum(grades.most.values()):g}   {row.note or each}")
    print(f"table     {grades.table}\nfeedback  {grades.feedback}", flush=True)


def _notebooks(house: House, options: argparse.Namespace) -> None:
    from course_lib.publishing.derive import EDITIONS, write
    from course_lib.publishing.execute import run_lesson, stale

    for lesson in house.find(options.names):
        changed = write(house, lesson)
        print(f"derived   {lesson}: {len(changed)} file(s) changed", flush=True)
        editions = stale(house, lesson) if options.stale else EDITIONS if options.execute else ()
        for edition in editions:
            print(f"executing {lesson}, {edition} edition ...", flush=True)
            print(f"          {run_lesson(house, lesson, edition):.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
