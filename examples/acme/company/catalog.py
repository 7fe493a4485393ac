"""What Acme sells: six product lines of eight products, their prices by year and what goes wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# A price list is last year's with this many tenths of a percent added.
RISES = {2024: 0, 2025: 32, 2026: 25}


@dataclass(frozen=True)
class Line:
    """A product line.  `faults` are (symptom, cause, remedy); each product turns them into codes of its own."""

    name: str
    prefix: str
    weight: int
    purpose: str
    products: Sequence[tuple[str, int]]  # name, price in cents in 2024
    specs: Sequence[tuple[str, Sequence[str]]]
    faults: Sequence[tuple[str, str, str]]
    care: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Product:
    """One article; `base_cents` is its list price in 2024."""

    id: int
    sku: str
    name: str
    line: Line
    base_cents: int

    def price(self, year: int) -> int:
        """List price in cents in `year`, rounded to whole dollars each year."""
        cents = self.base_cents
        for step in range(2025, year + 1):
            cents = (cents * (1000 + RISES[step]) + 50_000) // 100_000 * 100
        return cents


LINES: tuple[Line, ...] = (
    Line(
        "Pumps",
        "PU",
        24,
        "moves clean and lightly soiled water in plants, farms and buildings",
        (
            ("AquaLift 120", 48900),
            ("AquaLift 240", 74900),
            ("AquaLift 480", 129900),
            ("DeepWell 60", 91500),
            ("DeepWell 90", 118500),
            ("SlurryMaster 10", 264000),
            ("SlurryMaster 20", 389000),
            ("DoseRight 5", 35900),
        ),
        (
            (
                "Flow rate",
                ("120 l/min", "240 l/min", "480 l/min", "60 l/min", "90 l/min", "1,000 l/min", "2,000 l/min", "5 l/h"),
            ),
            ("Maximum head", ("18 m", "24 m", "32 m", "60 m", "90 m")),
            ("Motor power", ("0.55 kW", "1.1 kW", "2.2 kW", "4.0 kW", "7.5 kW")),
            ("Protection class", ("IP55", "IP65", "IP68")),
        ),
        (
            ("the pump runs but moves no water", "air in the suction line", "bleed the line and prime the housing"),
            ("the motor stops after some minutes", "dry running or a blocked impeller", "clear the impeller"),
            ("water drips from the shaft", "a worn mechanical seal", "fit a new seal kit and run it in for an hour"),
            ("the pump hums and does not start", "a failed start capacitor", "replace the capacitor"),
        ),
        (("Every week", "look for drips at the shaft seal"), ("Every 2,000 hours", "grease both bearings")),
    ),
    Line(
        "Valves",
        "VA",
        17,
        "opens, closes and throttles pipes for liquids and gases",
        (
            ("FlowGate 25", 12900),
            ("FlowGate 50", 21900),
            ("FlowGate 100", 45900),
            ("SafeVent 10", 28400),
            ("SafeVent 16", 33600),
            ("TriWay 40", 39800),
            ("CheckPro 32", 8900),
            ("ActuLine E", 67500),
        ),
        (
            ("Nominal size", ("DN 25", "DN 50", "DN 100", "DN 10", "DN 16", "DN 40", "DN 32", "DN 65")),
            ("Pressure rating", ("PN 10", "PN 16", "PN 25", "PN 40")),
            ("Seat material", ("PTFE", "EPDM", "stainless steel", "FKM")),
            ("Temperature", ("-10 to 80 C", "-20 to 120 C", "-40 to 200 C")),
        ),
        (
            ("the valve does not close fully", "dirt on the seat", "flush the seat and cycle the valve three times"),
            ("the actuator turns and the stem does not", "a sheared coupling pin", "replace the coupling pin"),
            ("gas escapes at the bonnet", "a relaxed bonnet gasket", "tighten the bolts crosswise to 45 Nm"),
            ("the valve opens below its set pressure", "a tired spring", "send the valve in for a new setting"),
        ),
        (("Every month", "turn the valve once through its whole travel"), ("Every year", "replace the stem packing")),
    ),
    Line(
        "Sensors",
        "SE",
        20,
        "measures pressure, level, temperature and vibration and reports them over a field bus",
        (
            ("PressEye 4", 18900),
            ("PressEye 10", 22900),
            ("LevelScout R", 84500),
            ("LevelScout U", 56500),
            ("ThermoDot 3", 9900),
            ("ThermoDot 6", 14900),
            ("VibraSense X", 61900),
            ("FlowTell 80", 97500),
        ),
        (
            ("Accuracy", ("0.05 % of span", "0.1 % of span", "0.25 % of span", "0.5 % of span")),
            ("Output", ("4 to 20 mA", "Modbus RTU", "IO-Link", "HART")),
            ("Response time", ("10 ms", "50 ms", "200 ms", "1 s")),
            ("Supply", ("12 to 30 V DC", "24 V DC", "battery, 5 years")),
        ),
        (
            (
                "the reading drifts over the day",
                "condensation in the housing",
                "replace the vent plug and dry the cell",
            ),
            ("the reading stays at its maximum", "a broken signal wire", "check the loop and renew the cable"),
            ("the reading jumps", "a missing shield connection", "earth the shield at one end only"),
            ("no answer on the bus", "two devices with one address", "give each device an address of its own"),
        ),
        (("Every quarter", "compare the reading with a reference"), ("Every two years", "calibrate at five points")),
    ),
    Line(
        "Controllers",
        "CO",
        15,
        "runs pumps and valves by schedule, by level or by remote command",
        (
            ("PlantMind S", 145000),
            ("PlantMind M", 238000),
            ("PlantMind L", 412000),
            ("DriveMate 2", 68900),
            ("DriveMate 7", 109900),
            ("AlarmBox", 32900),
            ("LinkHub 8", 54900),
            ("PanelView 10", 87900),
        ),
        (
            ("Inputs and outputs", ("8 in, 8 out", "16 in, 12 out", "32 in, 32 out", "2 in, 2 out")),
            ("Network", ("Ethernet", "Ethernet and LTE", "Modbus TCP", "OPC UA")),
            ("Memory", ("64 MB", "256 MB", "1 GB")),
            ("Mounting", ("DIN rail", "wall", "panel cut-out")),
        ),
        (
            ("the display stays dark", "a blown supply fuse", "replace the 2 A fuse beside terminal 1"),
            ("the controller restarts by itself", "a supply below 19 V", "fit a larger power supply"),
            ("remote commands are ignored", "the key switch stands at LOCAL", "turn the key switch to REMOTE"),
            ("the clock is wrong after a power cut", "an empty buffer battery", "replace the CR2032 battery"),
        ),
        (("Every quarter", "export a backup of the settings"), ("Every three years", "replace the buffer battery")),
    ),
    Line(
        "Spare Parts",
        "SP",
        14,
        "keeps Acme pumps, valves and sensors working for fifteen years and more",
        (
            ("Seal Kit A", 5900),
            ("Seal Kit B", 7900),
            ("Impeller 120", 11900),
            ("Impeller 480", 24900),
            ("Bearing Set", 8400),
            ("Gasket Box", 3900),
            ("Capacitor Set", 2900),
            ("Cable Harness", 6400),
        ),
        (
            ("Fits", ("AquaLift 120 and 240", "AquaLift 480", "FlowGate 25 to 100", "PlantMind S to L")),
            ("Material", ("silicon carbide", "cast iron", "EPDM", "copper")),
            ("Package", ("1 piece", "2 pieces", "10 pieces", "50 pieces")),
            ("Shelf life", ("2 years", "5 years", "10 years")),
        ),
        (
            ("the part does not fit", "a housing from before 2019", "order the adapter ring AR-19"),
            ("the new seal leaks at once", "scratches from mounting without the cone", "use the mounting cone"),
            ("the bearing gets hot", "too much grease", "take out a third of the grease"),
            ("the connector does not lock", "a bent latch", "replace the connector shell"),
        ),
        (("On delivery", "check the package for damage"), ("Every year", "turn the stock: first in, first out")),
    ),
    Line(
        "Service Plans",
        "SV",
        10,
        "keeps plants running with inspections, remote watch and guaranteed response times",
        (
            ("Care Basic", 49000),
            ("Care Plus", 99000),
            ("Care Complete", 189000),
            ("Remote Watch", 78000),
            ("Start-up Visit", 56000),
            ("Calibration Day", 42000),
            ("Operator Training", 64000),
            ("Emergency Call", 38000),
        ),
        (
            ("Response time", ("4 hours", "next business day", "3 business days")),
            ("Visits", ("1 a year", "2 a year", "4 a year", "on call")),
            ("Term", ("12 months", "24 months", "36 months", "one day")),
            ("Languages", ("English", "English and Spanish", "English, German and French")),
        ),
        (
            ("the technician cannot enter", "no site permit", "ask for the permit five days ahead"),
            ("the remote link is down", "an expired SIM contract", "renew the contract in the portal"),
            ("the report is missing", "a wrong mail address", "correct the contact in the portal"),
            ("the training is full", "more than eight people", "book a second day"),
        ),
        (("Every year", "review the plan with the account manager"), ("At the end", "renew 60 days ahead")),
    ),
)

PRODUCTS: tuple[Product, ...] = tuple(
    Product(8 * row + column + 1, f"{line.prefix}-{100 + 10 * column + row}", name, line, cents)
    for row, line in enumerate(LINES)
    for column, (name, cents) in enumerate(line.products)
)
BY_NAME = {product.name: product for product in PRODUCTS}
