"""What Acme's policies say: for each a title, its owner, its purpose and its rules, section by section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from company.people import FINANCE, LEGAL, LOGISTICS, MARKETING, OPERATIONS, PEOPLE, QUALITY, SALES, SECURITY, SERVICE


@dataclass(frozen=True)
class Policy:
    """One policy.  `rules` are sections: a heading, then one rule for each further string."""

    slug: str
    title: str
    owner: str
    purpose: str
    rules: Sequence[Sequence[str]]


POLICIES: Sequence[Policy] = (
    Policy("travel", "Travel and Expense Policy", FINANCE, "what the company pays for when employees travel", (
        ("Hotels and meals", "A hotel room may cost at most 180 dollars a night, breakfast included; in Tokyo, London "
         "and New York the limit is 260 dollars.", "The daily allowance for meals is 65 dollars abroad and 48 dollars "
         "at home.", "Alcohol is not reimbursed unless a customer is hosted."),
        ("Flights and trains", "Flights under six hours are booked in economy class.", "Trains are preferred for "
         "journeys of less than four hours.", "Tickets are booked fourteen days ahead through the travel desk."),
        ("Claims", "Receipts are handed in within thirty days; later claims need the signature of the head of finance.",
         "The mileage rate for private cars is 0.58 dollars a mile."))),
    Policy("remote-work", "Remote Work Policy", PEOPLE, "where and when employees may work outside the office", (
        ("Days and hours", "Office staff may work from home up to three days a week.", "Everybody can be reached from "
         "10 to 15 o'clock local time.", "Work from another country is limited to twenty days a year."),
        ("Equipment", "The company lends a screen, a chair and a headset, and pays 30 dollars a month for the line.",
         "Papers marked confidential do not leave the office."))),
    Policy("vacation", "Vacation and Leave Policy", PEOPLE, "paid days off and other absences", (
        ("Paid leave", "Every employee has 27 days of paid vacation a year, and 30 days from the tenth year on.",
         "Up to five unused days are carried over until the end of March."),
        ("Other leave", "Parental leave is paid in full for sixteen weeks.", "Three days are given for a wedding or "
         "a death in the family.", "A sabbatical of three months can be taken after seven years."))),
    Policy("information-security", "Information Security Policy", SECURITY, "how data and devices are protected", (
        ("Passwords and devices", "Passwords have at least fourteen characters and are kept in the password safe.",
         "A second factor is required for every account that is reachable from outside.", "Laptops are encrypted and "
         "lock themselves after five minutes."),
        ("Incidents", "A lost device is reported to the security desk within one hour.", "Suspicious mail is forwarded "
         "to the phishing box and not answered.", "Nobody is punished for an honest report."),
        ("Data classes", "Data is public, internal, confidential or secret.", "Secret data is stored on the vault "
         "server only and is never sent by mail."))),
    Policy("code-of-conduct", "Code of Conduct", LEGAL, "how we treat each other, customers and suppliers", (
        ("Gifts", "Gifts worth more than 50 dollars are refused or handed to the charity raffle.", "Invitations to "
         "sports and concerts need the consent of the general counsel."),
        ("Fair play", "Prices are never discussed with competitors.", "Conflicts of interest are declared each January "
         "in the register of interests."),
        ("Speaking up", "The ethics line is open day and night and accepts anonymous reports."))),
    Policy("procurement", "Procurement Policy", OPERATIONS, "how goods and services are bought", (
        ("Limits of approval", "Orders up to 5,000 dollars are approved by the team lead, up to 50,000 by the head of "
         "department and above that by the board.", "Splitting an order to stay below a limit is forbidden."),
        ("Offers", "Three offers are needed above 10,000 dollars.", "New suppliers sign the supplier code and pass a "
         "credit check.", "The standard term of payment is 45 days."))),
    Policy("discounts", "Discount and Pricing Policy", SALES, "who may grant which discount", (
        ("Levels", "Sales engineers may grant up to 5 percent, regional managers up to 10 and the head of sales up "
         "to 15 percent.", "Discounts above 15 percent need a business case that finance has signed."),
        ("Rules", "No discount is given on service plans in the first year.", "Price lists change once a year, on the "
         "first of January, and quotations stay valid for sixty days."))),
    Policy("returns", "Returns and Refunds Policy", SERVICE, "what customers may send back and what they get", (
        ("Time limits", "Unused standard goods are taken back within 30 days for a restocking fee of 12 percent.",
         "Products made to order cannot be returned."),
        ("How it works", "Each return needs a number, which service gives within one working day.", "Refunds are paid "
         "within ten days after the inspection.", "Pumps that carried chemicals come with a cleaning certificate."))),
    Policy("warranty", "Warranty Terms", SERVICE, "what we repair free of charge and for how long", (
        ("Duration", "Pumps and valves carry a warranty of 36 months, sensors and controllers of 24 months and spare "
         "parts of 12 months.", "The warranty begins with the date of delivery."),
        ("Exclusions", "Wear of seals, damage by dry running and lightning are not covered.", "Opening a sealed sensor "
         "ends the warranty."))),
    Policy("quality", "Quality Policy", QUALITY, "how we make sure that products do what their data sheets say", (
        ("Tests", "Every pump runs for forty minutes on the test bench before it is packed.", "One valve in fifty is "
         "tested to twice its pressure rating."),
        ("Complaints", "A complaint is answered within two working days and closed within thirty.", "An eight-step "
         "report is written for every safety complaint."))),
    Policy("health-and-safety", "Health and Safety Policy", OPERATIONS, "how we keep people unharmed", (
        ("In the plant", "Safety shoes, glasses and ear protection are worn beyond the yellow line.", "Forklifts drive "
         "at most eight kilometres an hour."),
        ("Emergencies", "The assembly point is the car park north of hall 3.", "Evacuation is practised twice a year, "
         "in April and October.", "First aiders wear a green band and are at least one in fifteen."))),
    Policy("environment", "Environmental Policy", OPERATIONS, "how we use energy, water and materials", (
        ("Targets", "Energy per unit falls by 4 percent each year.", "All electricity comes from renewable sources "
         "since July 2025.", "Cutting oil is filtered and used again."),
        ("Waste", "Seven kinds of waste are kept apart in the plant.", "Old pumps are taken back for scrap without "
         "charge."))),
    Policy("data-protection", "Data Protection Policy", LEGAL, "how personal data is handled", (
        ("Keeping and erasing", "Applications are erased six months after the decision.", "Customer contacts that were "
         "not used for three years are erased.", "Invoices are kept for ten years."),
        ("Rights", "A request for information is answered within thirty days by the data protection officer.",
         "A breach is reported to the authority within 72 hours."))),
    Policy("social-media", "Social Media Guideline", MARKETING, "how we speak about the company in public", (
        ("Do", "Say that you work for Acme when you write about our products.", "Forward questions of journalists to "
         "the press office."),
        ("Do not", "Do not publish pictures of customers' plants without written consent.", "Do not comment on "
         "figures before they are published."))),
    Policy("training", "Training and Development Policy", PEOPLE, "how employees learn", (
        ("Budget", "Each employee has 1,500 dollars and five days a year for training.", "Degrees are supported with "
         "half of the fees, up to 9,000 dollars."),
        ("Duties", "The security course is repeated every year and the forklift licence every two years."))),
    Policy("recruiting", "Recruiting Policy", PEOPLE, "how positions are filled", (
        ("Steps", "A position is advertised inside the company for ten days before it is published.", "Two people "
         "hold each interview and write their notes apart.", "Candidates hear from us within one week."),
        ("Referrals", "The bonus for a referral is 2,000 dollars, paid after the probation of six months."))),
    Policy("company-cars", "Company Car Policy", FINANCE, "who drives a company car and how it is used", (
        ("Entitlement", "Service technicians and regional managers have a car; the leasing rate may reach 620 dollars "
         "a month.", "New cars are electric since January 2026."),
        ("Use", "Private use is allowed within the country and taxed as income.", "Fines are paid by the driver."))),
    Policy("shipping", "Shipping and Incoterms Guideline", LOGISTICS, "how goods leave the house", (
        ("Terms", "The standard term is FCA Bristol; DAP is offered at the price of freight plus 3 percent.",
         "Batteries travel under UN 3481 and never by passenger aircraft."),
        ("Packing", "Pallets are at most 1.8 metres high.", "Wooden packing for export is heat treated and stamped "
         "ISPM 15."))),
    Policy("export-control", "Export Control Policy", LEGAL, "which goods may go where", (
        ("Checks", "Every new customer is screened against the lists of sanctions before the first offer.",
         "Corrosion resistant valves above DN 50 need a check for dual use."),
        ("Records", "Export papers are kept for seven years.", "Doubts stop the order until the export officer "
         "decides."))),
    Policy("business-continuity", "Business Continuity Plan", SECURITY, "how we go on after a disaster", (
        ("Targets", "The order system is back within four hours and loses at most fifteen minutes of data.",
         "The second data centre is in Leeds."),
        ("Drills", "A restart from backups is practised every quarter.", "The crisis team meets in the Severn room "
         "or by the satellite phone list."))),
    Policy("supplier-code", "Supplier Code", OPERATIONS, "what we expect of those who deliver to us", (
        ("People", "Suppliers employ nobody younger than sixteen.", "Working time stays below sixty hours a week."),
        ("Proof", "Suppliers of castings are audited every eighteen months.", "Conflict minerals are reported by the "
         "end of May."))),
    Policy("credit", "Customer Credit Policy", FINANCE, "on which terms customers may pay later", (
        ("Limits", "New customers pay in advance until their third order.", "A credit limit is one sixth of the "
         "revenue of the last twelve months."),
        ("Reminders", "Reminders go out after 7, 21 and 35 days; then deliveries stop.", "Interest on late payment is "
         "8 percent a year."))),
    Policy("ai-tools", "Guideline for Artificial Intelligence Tools", SECURITY, "how assistants may be used at work", (
        ("Allowed", "Assistants may read documents that are public or internal.", "Answers that go to customers are "
         "read by a person first."),
        ("Forbidden", "Confidential drawings are not pasted into tools that the security desk has not approved.",
         "Assistants never approve payments."))),
    Policy("meetings", "Meeting Guideline", PEOPLE, "how meetings are kept short and useful", (
        ("Before", "A meeting has an agenda, sent one day ahead, and at most eight people.", "Fridays after 13 o'clock "
         "are free of meetings."),
        ("After", "Notes with decisions and tasks are filed within two days in the meetings folder."))),
)  # fmt: skip
