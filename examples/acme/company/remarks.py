"""Sentences of the sales reports that carry no figures: what managers say about regions and product lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

REGION_REMARKS: Mapping[str, Sequence[str]] = {
    "North America": (
        "municipal water budgets were released late, and most of that demand arrived in the last month.",
        "the new distributor in Ontario has placed its first stock order and trains its staff with our material.",
        "two food plants in Ohio replaced their pump rooms, and both asked for service plans at once.",
        "hail damage in Texas brought many orders for sensors and cable harnesses.",
        "price increases of steel were passed on with little resistance.",
    ),
    "Europe": (
        "breweries in Germany and Poland invested in flow measurement to save water.",
        "the energy grant in France ends soon, and customers brought projects forward.",
        "port congestion in Rotterdam delayed deliveries by nine days on average.",
        "the calibration laboratory in Milan now answers within five working days.",
        "a large dairy group in the north has chosen us as its only supplier of valves.",
    ),
    "Asia Pacific": (
        "mining customers in Western Australia renewed their slurry pumps a year early.",
        "the approval of our pressure sensors in Japan opens the market of high purity water.",
        "monsoon repairs in India raised the demand for spare parts.",
        "the partner in Singapore won a desalination project with forty controllers.",
        "a weak yen made our offers dearer, and discounts rose.",
    ),
    "Latin America": (
        "copper mines in Chile ordered dewatering pumps for two new pits.",
        "customs clearance in Brazil takes three weeks longer than a year ago.",
        "coffee cooperatives in Colombia try our irrigation package on twelve farms.",
        "currency risk is now covered for orders above fifty thousand dollars.",
    ),
    "Middle East and Africa": (
        "the irrigation programme in Kenya moved from trial to purchase.",
        "a desalination plant in the Emirates signed a Care Complete plan for three years.",
        "load shedding in South Africa drives orders for variable speed drives.",
        "payment terms were shortened to thirty days, which slowed some orders.",
    ),
    "any": (
        "Stock levels are healthy and delivery promises were kept.",
        "Two positions in the sales team are still open.",
        "Competitors answered with lower prices for small valves.",
        "The share of orders through the web shop keeps growing.",
        "Customers praise the new data sheets and ask for more drawings.",
        "Service visits led to additional sales in every second case.",
    ),
}

LINE_REMARKS: Mapping[str, Sequence[str]] = {
    "Pumps": (
        "The AquaLift family remains the entry point for most new customers.",
        "SlurryMaster 20 had a lead time of eleven weeks because castings were scarce.",
        "DeepWell pumps profit from a dry spring in many countries.",
    ),
    "Valves": (
        "SafeVent was certified for hydrogen blends, which opens new projects.",
        "FlowGate 100 lost a tender on price, and the cost of its body is under review.",
        "The electric actuator ActuLine E replaces pneumatic drives in older plants.",
    ),
    "Sensors": (
        "LevelScout R is specified by three engineering offices as their standard radar.",
        "VibraSense X is sold together with Remote Watch in most cases.",
        "FlowTell 80 received firmware that halves its power use.",
    ),
    "Controllers": (
        "PlantMind M is the most asked for controller since its price was lowered.",
        "The security update of PlantMind L was installed at nearly all sites within a month.",
        "LinkHub 8 replaces the gateway that was discontinued.",
    ),
    "Spare Parts": (
        "Seal kits are now delivered from three regional stores within two days.",
        "Kits with instructions in pictures reduced wrong orders by half.",
        "The share of parts ordered by phone has fallen below a tenth.",
    ),
    "Service Plans": (
        "Renewals are high, and Care Plus is the plan most often chosen.",
        "Remote Watch reported faults at four plants before operators noticed them.",
        "Technicians are booked out for six weeks, and hiring goes on.",
    ),
}

OUTLOOK: Sequence[str] = (
    "The successor of DeepWell 90 enters field tests at five sites.",
    "A framework contract with a group of water utilities is about to be signed.",
    "The price list for the coming year will be published with six weeks' notice.",
    "Freight rates are expected to fall once the new carrier contract starts.",
    "The web shop will show stock levels and delivery dates for all spare parts.",
    "A training centre for operators opens beside the plant in Bristol.",
    "We expect tenders for leak detection in several large cities.",
    "Supply of radar chips for LevelScout stays tight until spring.",
    "Two competitors merge, and their customers look for a second source.",
    "The bundle of VibraSense X with Remote Watch will be offered everywhere.",
    "Marketing plans a series of seminars on water saving for breweries.",
    "The service organisation moves to one planning tool for all regions.",
)

RISKS: Sequence[tuple[str, str, str]] = (
    ("Shortage of castings", "Longer delivery of large pumps", "Second foundry approved, safety stock for eight weeks"),
    ("Exchange rates", "Lower margin in Asia Pacific", "Hedging of half of the expected orders"),
    ("Loss of a large customer", "Up to four percent of revenue", "Quarterly visits by the management"),
    ("Cyber attack on controllers", "Damage to our name", "Signed updates and a reward programme for finders"),
    ("Late public budgets", "Orders move to the next quarter", "Offers are kept open for ninety days"),
    ("Staff shortage in service", "Slow response times", "Partners trained and certified in each region"),
    ("Rising steel prices", "Higher cost of valves and pumps", "Price clause in contracts longer than six months"),
    ("Port congestion", "Late deliveries overseas", "Air freight for spare parts, larger regional stores"),
)
