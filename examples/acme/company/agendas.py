"""What Acme's people talk about: agenda items with blanks, and decisions that were made only once."""

from __future__ import annotations

from collections.abc import Sequence

# Topic, what was said, what was decided.  {product}, {customer}, {region} and {person} are filled in.
ITEMS: Sequence[tuple[str, str, str]] = (
    (
        "Complaints about {product}",
        "{customer} sent back three units because of noise. The test bench shows no fault; "
        "the mounting plate on site is too thin.",
        "{person} visits the site and adds a note on mounting to the manual.",
    ),
    (
        "Stock of {product}",
        "The store in {region} has stock for nine days, the plan says thirty.",
        "{person} moves forty units from the central store.",
    ),
    (
        "Visit of {customer}",
        "The purchasing manager wants to see the assembly line and the test bench.",
        "{person} prepares the tour and a demonstration of {product}.",
    ),
    (
        "Tender in {region}",
        "The documents ask for a service office within two hundred kilometres. We have a partner who could sign.",
        "Offer with the partner; {person} writes the technical part.",
    ),
    (
        "Web shop",
        "Search finds {product} only by article number. Customers type the name with a space missing.",
        "{person} adds spellings to the index of the shop.",
    ),
    (
        "Staff in {region}",
        "Two technicians leave at the end of the month, and one starts in six weeks.",
        "Overtime until then; {person} asks a partner for help.",
    ),
    (
        "Late payment by {customer}",
        "Two invoices are open for more than fifty days. The contact says that approval takes time.",
        "No delivery without payment in advance until the account is clear.",
    ),
    (
        "New drawing of {product}",
        "The flange moves by four millimetres to fit more pipes. Old gaskets still fit.",
        "Release after the pressure test; {person} informs the customers.",
    ),
    (
        "Trade fair",
        "The stand in {region} costs a fifth more than last year. Half of the leads came from existing customers.",
        "A smaller stand with {product} running in a glass tank.",
    ),
    (
        "Delivery times",
        "{product} needs eleven weeks since the castings come late.",
        "{person} calls the second foundry and reports next week.",
    ),
    (
        "Training for partners",
        "Partners in {region} ask for training on controllers in their own language.",
        "Two days in spring; {person} translates the slides.",
    ),
    (
        "Returns",
        "One return in four comes back without a number, and the store cannot assign it.",
        "The label gets a field for the number; {person} changes the form.",
    ),
    (
        "Energy in hall 2",
        "The compressor runs at night though nobody works. A leak was heard near the paint shop.",
        "{person} has the leak sealed and installs a timer.",
    ),
    (
        "Customer survey",
        "{customer} praises the support and dislikes the invoices: they name no order numbers.",
        "Invoices show the order number from next month on.",
    ),
    (
        "Software for {product}",
        "The update fails when the unit runs on battery. Field service has seen it twice.",
        "The update checks the supply first; {person} tests with three sites.",
    ),
    (
        "Prices in {region}",
        "Two competitors lowered prices of small valves by a tenth.",
        "No general reaction; {person} may match prices for {customer}.",
    ),
    (
        "Safety walk",
        "Two emergency exits were blocked by pallets, and a fire extinguisher was past its date.",
        "{person} marks the floor and orders new extinguishers.",
    ),
    (
        "Spare parts portal",
        "Exploded drawings are missing for {product}.",
        "{person} supplies the drawings by the end of the month.",
    ),
    (
        "Contract with {customer}",
        "They ask for a price that is fixed for three years.",
        "Two years fixed, then an index; {person} sends the text to legal.",
    ),
    (
        "Packaging",
        "Foam is replaced by paper. Drop tests with {product} were passed from one metre.",
        "Change over from the first of next month.",
    ),
)

# Topic, decision: each is the subject of exactly one meeting.
ONCE: Sequence[tuple[str, str]] = (
    ("Name of the warehouse robot", "The robot in the warehouse is called Brunel after a vote of 212 people."),
    ("Canteen supplier", "The canteen changes to the caterer Green Spoon from May on; soup stays on Thursdays."),
    ("Solar roof on hall 4", "The roof of hall 4 gets 1,240 solar panels, paid from the climate fund."),
    ("Move of the calibration laboratory", "The Milan laboratory moves to Via Tortona in September."),
    ("Anniversary of the company", "The party for the 60th anniversary is held on the SS Great Britain."),
    ("Parking for bicycles", "Eighty covered places for bicycles replace the smokers' pavilion."),
    ("Replacement of the telephone system", "Desk telephones go; the switchboard keeps the number ending in 4400."),
    ("Recall of cable harness lot 7719", "Lot 7719 of the cable harness is recalled because of a brittle latch."),
    ("Sponsoring of the rowing club", "The rowing club gets a boat, and it is named Impeller."),
    ("Patent on the quiet impeller", "The patent for the owl-wing impeller is filed in Europe and Japan."),
    ("Second shift in final assembly", "A second shift starts in final assembly with twenty-six people."),
    ("Closing of the Rotterdam store", "The store in Rotterdam closes, and Antwerp takes over its stock."),
    ("Apprentices", "Fourteen apprentices start, four of them in mechatronics."),
    ("Pilot with autonomous forklifts", "Two autonomous forklifts are tried on the night shift for ten weeks."),
    (
        "Audit finding on torque wrenches",
        "Torque wrenches get a calibration sticker in orange and a place on the board.",
    ),
    (
        "Water leak in the archive",
        "The archive was flooded by a burst pipe; the drawings of 1974 are being freeze dried.",
    ),
    ("Mentoring for new managers", "Every new manager gets a mentor from another department for nine months."),
    ("Change of the payroll provider", "Payroll moves to a provider in Dublin on the first of January."),
)

KINDS: Sequence[str] = (
    "Weekly Sales Meeting",
    "Operations Round",
    "Service Meeting",
    "Product Council",
    "Management Meeting",
    "Quality Circle",
)

QUESTIONS: Sequence[tuple[str, Sequence[tuple[str, str]]]] = (
    (
        "Ordering",
        (
            ("How do I place an order?", "In the web shop, by mail to your sales manager, or through a partner."),
            ("Is there a minimum order?", "The minimum order is 150 dollars; below that a fee of 15 dollars is added."),
            ("Can I change an order?", "Yes, until it has the state PICKED, usually for one day."),
            ("Do you sell to private persons?", "No, we sell to companies, authorities and farms only."),
        ),
    ),
    (
        "Delivery",
        (
            (
                "How long does delivery take?",
                "Goods in stock leave within two days; large pumps need eight to eleven weeks.",
            ),
            (
                "Can I collect the goods myself?",
                "Yes, at the gate in Bristol from 7 to 16 o'clock with the order number.",
            ),
            (
                "What if a pallet arrives damaged?",
                "Note the damage on the freight paper and send pictures within two days.",
            ),
        ),
    ),
    (
        "Service",
        (
            (
                "How do I reach the service line?",
                "The line is open day and night for holders of Care Complete, and from 7 to 19 o'clock for others.",
            ),
            (
                "Where do I find the serial number?",
                "On the silver plate beside the motor and on the first page of the test certificate.",
            ),
            ("Do you repair units of other makers?", "We repair pumps of other makers when spare parts can be had."),
        ),
    ),
    (
        "Portal",
        (
            ("I forgot my password.", "Use the link below the form; it works for twenty minutes."),
            ("Who can see our orders?", "Everybody in your company whom your administrator gave the role Buyer."),
            ("Can I download certificates?", "Yes, test certificates are kept for ten years under Documents."),
        ),
    ),
)

NEWS: Sequence[tuple[str, str]] = (
    (
        "Acme presents the PlantMind L with OPC UA",
        "The new controller joins thirty-two inputs and outputs with a security "
        "module. It was shown first at the fair in Hanover, where two hundred visitors tried it.",
    ),
    (
        "Acme opens a store in Singapore",
        "From now on spare parts reach customers in Asia Pacific within two days. The store "
        "keeps four thousand articles.",
    ),
    ("Award for the quiet AquaLift", "The AquaLift 240 won the Silent Plant award: it is quieter than a conversation."),
    (
        "All electricity from wind and sun",
        "Acme's plants run on renewable electricity, four years before the planned date.",
    ),
    (
        "Acme and the university work on leak detection",
        "Together with the university of Bath, Acme trains models that hear leaks in buried pipes.",
    ),
    (
        "SafeVent certified for hydrogen",
        "The safety valve SafeVent 16 may now be used with blends of up to thirty percent hydrogen.",
    ),
    (
        "Acme helps after the floods",
        "Sixty pumps were lent without charge to towns on the Severn, with crews to run them.",
    ),
    ("Margaret Hale stays chief executive", "The board has extended the contract of Margaret Hale by five years."),
    (
        "Care Complete reaches one thousand plants",
        "A dairy in Uppsala is the thousandth plant under the Care Complete plan.",
    ),
    ("Acme takes back old pumps", "Customers may return any old pump. Four fifths of the metal is used again."),
)

LETTERS: Sequence[tuple[str, str]] = (
    (
        "Noise of {product}",
        "Since last week our {product} makes a grinding noise in the morning, which stops after ten "
        "minutes. Can your technician listen to the recording that I attach?",
    ),
    (
        "Wrong invoice",
        "Your invoice for two units of {product} names four. We have paid for two and ask for a corrected invoice.",
    ),
    (
        "Thanks to your team",
        "Your technician came on a Sunday, replaced the seal of our {product} and stayed until the "
        "tank was full. Our night shift is grateful.",
    ),
    (
        "Question about spare parts",
        "We own a {product} from 2009. Are bearings still to be had, and which kit do we need?",
    ),
    (
        "Offer for a new plant",
        "We plan a plant with six lines and want to use {product} throughout. Please send an offer "
        "with delivery in spring.",
    ),
    (
        "Delivery came late",
        "The {product} was promised for Monday and came on Friday. Our fitters waited for four days, "
        "and we ask you to share the cost.",
    ),
    (
        "Request for a certificate",
        "Our inspector asks for the material certificate of the {product}. The serial number is "
        "on the attached picture.",
    ),
    (
        "Cancelling the service plan",
        "We sell the site and have to end the plan for our {product} at the end of the year.",
    ),
    (
        "Training for our operators",
        "Eight operators should learn to maintain the {product}. Do you have a date in autumn, "
        "and can it be held in Spanish?",
    ),
    (
        "Idea for an improvement",
        "The drain plug of the {product} is hard to reach. A second plug on the left would save us an hour each time.",
    ),
)
