"""What is true about the corpus: the figures of each quarter, and questions with the file that answers them.

Written beside the served documents, never among them, so that a search can be marked against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from company.agendas import ONCE
from company.calendar import LATEST, QUARTERS, Quarter
from company.catalog import BY_NAME
from company.daily import once_path
from company.documents import money
from company.figures import Figures, revenue_sql
from company.policies import policy_path
from company.products import fault_code, manual_path, sheet_path
from company.reports import report_path, report_title, summary_path, workbook_path
from company.rules import POLICIES

# What someone would type, the policy that answers, and words of the answer.
ASKED: Sequence[tuple[str, str, str]] = (
    ("hotel limit per night Tokyo", "travel", "260 dollars"),
    ("working from home days a week", "remote-work", "three days a week"),
    ("unused vacation days carried over", "vacation", "end of March"),
    ("lost device report within one hour", "information-security", "security desk"),
    ("gifts worth more than 50 dollars", "code-of-conduct", "charity raffle"),
    ("who approves orders up to 50,000 dollars", "procurement", "head of department"),
    ("discount above 15 percent business case", "discounts", "finance has signed"),
    ("restocking fee for returned goods", "returns", "12 percent"),
    ("warranty months pumps and valves", "warranty", "36 months"),
    ("assembly point evacuation", "health-and-safety", "north of hall 3"),
    ("referral bonus probation", "recruiting", "2,000 dollars"),
    ("ISPM 15 wooden packing", "shipping", "heat treated"),
    ("order system back within four hours second data centre", "business-continuity", "Leeds"),
    ("reminders late payment interest", "credit", "8 percent"),
)


@dataclass(frozen=True)
class Question:
    """`query` as a user would type it; `file` must be found, and `answer` stands in it."""

    query: str
    file: str
    answer: str


def questions(figures: Mapping[Quarter, Figures]) -> list[Question]:
    """Known-item questions over reports, policies, manuals, sheets and notes."""
    slugs = {policy.slug: policy for policy in POLICIES}
    found = [Question("latest quarterly sales report", report_path(LATEST), money(figures[LATEST].total))]
    for quarter in QUARTERS[-4:]:
        total = money(figures[quarter].total)
        found.append(Question(f"quarterly sales report {quarter.name}", report_path(quarter), total))
        found.append(Question(f"board summary {quarter.name}", summary_path(quarter), total))
    found += [Question(query, policy_path(slugs[slug]), answer) for query, slug, answer in ASKED]
    for name, number in (("AquaLift 120", 0), ("DeepWell 90", 1), ("LevelScout R", 3), ("PlantMind S", 2)):
        product = BY_NAME[name]
        code = fault_code(product, number)
        found.append(Question(f"error code {code} {name} manual", manual_path(product), product.line.faults[number][2]))
    for name in ("DoseRight 5", "ActuLine E", "VibraSense X", "Remote Watch"):
        product = BY_NAME[name]
        found.append(
            Question(f"{name} product sheet list price", sheet_path(product), money(product.price(LATEST.year)))
        )
    found += [Question(topic, once_path(index), decision) for index, (topic, decision) in enumerate(ONCE[:12])]
    return found


def quarter_truth(figures: Figures, pages: int) -> dict[str, object]:
    """Everything that must be found about one quarter.  Amounts are in cents."""
    quarter = figures.quarter
    return {
        "quarter": quarter.name,
        "slug": quarter.slug,
        "first_day": quarter.first.isoformat(),
        "last_day": quarter.last.isoformat(),
        "title": report_title(quarter),
        "report": report_path(quarter),
        "pages": pages,
        "summary": summary_path(quarter),
        "workbook": workbook_path(quarter),
        "total_cents": figures.total,
        "total": money(figures.total),
        "orders": figures.orders,
        "order_lines": figures.lines,
        "units": figures.units,
        "plan_cents": figures.plan,
        "regions_cents": dict(figures.regions),
        "product_lines_cents": dict(figures.product_lines),
        "months_cents": {str(month): cents for month, cents in figures.months.items()},
        "top_customers_cents": dict(list(figures.customers.items())[:10]),
        "sql": revenue_sql(quarter),
    }
