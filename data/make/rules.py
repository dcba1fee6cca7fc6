"""Policy rules: prose of the facts to the columns and conditions of `rules.csv` (docs/reference/rules.md).

Called by import.py. `TRANSLATE` turns phrases of the column `condition` into terms; `CHANGE` holds, by
identifier, what cannot be read off the prose; `OWN` are rules that the facts do not hold, each with its source.
"""
import re

HEADER = ["id", "iso3", "instrument", "scheme", "payer", "segment", "powertrain", "built", "condition", "value", "unit",
          "cap", "floor", "fine_usd", "pool", "start", "end", "announced", "budget", "certainty", "reason"]

INSTRUMENT = {"luxury_tax": "excise", "special_consumption_tax": "excise", "local_tax": "interior_tax", "sales_tax": "vat",
              "vat_relief": "vat", "registration_fee": "registration_tax", "safeguard": "additional_duty",
              "countervailing_duty": "additional_duty", "surtax": "additional_duty", "tariff_quota": "duty_quota",
              "duty_free_quota": "duty_quota"}
SEGMENT = {"car": "car", "pickup": "pickup", "SUV": "suv", "2-3wheeler": "light", "truck": "light", "road": "light"}
POWERTRAIN = {"ICE": "ICE", "FFV/CNG": "flex-fuel+CNG", "ICE diesel": "ICE-diesel", "MHEV": "HEV", "ICE+HEV": "ICE+HEV",
              "petrol": "ICE-gasoline", "diesel": "ICE-diesel", "BEV+HEV+PHEV": "BEV+HEV+PHEV"}
BUILT = {"any": "any", "local": "local", "non-local": "imported", "imported": "imported"}
# All light-duty vehicles, not cars alone.
GENERAL = {"vat", "interior_tax"}

TRANSLATE = [
    (r"battery >=(\d+) kWh", r"battery_kwh>=\1"), (r"battery (\d+) to <(\d+) kWh", r"battery_kwh>=\1; battery_kwh<\2"),
    (r"price <=(\d+) (THB|PHP)", lambda m: f"price_{m[2].lower()}<={m[1]}"),
    (r"price (\d+) to (\d+) (THB)", lambda m: f"price_{m[3].lower()}>{m[1]}; price_{m[3].lower()}<={m[2]}"),
    (r"CO2 0-(\d+) g/km", r"co2_g_per_km<=\1"), (r"CO2 (\d+)-over g/km", r"co2_g_per_km>\1"),
    (r"CO2 (\d+)-(\d+) g/km", r"co2_g_per_km>\1; co2_g_per_km<=\2"),
    (r"CO2 (<=|>)(\d+) g/km", r"co2_g_per_km\1\2"), (r"electric range (>=|<)(\d+) km", r"range_km\1\2"),
    (r"(?:PPV )?(<=|>|over )(\d+) cc(?: petrol)?", lambda m: f"engine_cc{'>' if m[1] == 'over ' else m[1]}{m[2]}"),
    (r"(\d+)-(\d+) cc", r"engine_cc>\1; engine_cc<=\2"),
    (r"<=(\d+) g/km", r"co2_g_per_km<=\1"), (r">(\d+) g/km", r"co2_g_per_km>\1"), (r"(\d+)-(\d+) g/km", r"co2_g_per_km>\1; co2_g_per_km<=\2"),
    (r"locally built only|local only|local|assembled locally|promoted plant|assembled in Vietnam|investment-promoted maker.*|maker meets investment, local content.*", "built=local"),
    (r"signed(?: \(8 percent otherwise\))?|maker has signed.*|maker commits to build locally|as above", "signed"),
]
# Nearly every car passes, or the words say what scope and dates say already.
DROPPED = r"imported or local|<10 seats|<=9 seats.*|active safety fitted|PPV|electric pickup|general rate|PPV <=.*"


def condition(prose):
    terms = []
    for phrase in (part.strip() for part in prose.split(";")):
        if not phrase or re.fullmatch(DROPPED, phrase):
            continue
        for pattern, term in TRANSLATE:
            match = re.fullmatch(pattern, phrase)
            if match:
                terms.append(match.expand(term) if isinstance(term, str) else term(match))
                break
        else:
            return None
    return "; ".join(dict.fromkeys(terms))


def span(country, first, last):
    return [f"{country}-{n:03d}" for n in range(first, last + 1)]


CHANGE = {}


def change(ids, **cells):
    for identifier in [ids] if isinstance(ids, str) else ids:
        CHANGE.setdefault(identifier, {}).update(cells)


# Not obeyed, and why
change(["THA-006", "THA-028", "BRA-212", "BRA-213"], reason="vehicle", condition="")
change(["THA-041", "IDN-114", "IDN-115", "VNM-148", "PHL-161", "PHL-162", "PHL-163", "SGP-166", "IDN-226", "IDN-227", "MYS-230", "MYS-231",
        "THA-237", "PHL-239", "PHL-242", "PHL-243"], reason="no_force", condition="")
change("PHL-160", reason="fleet", condition="")
change(["THA-016", "THA-017", "THA-020", "THA-040", "IDN-111"], reason="information", condition="")
change(["THA-038", "THA-065", "THA-066", *span("THA", 71, 76), "IDN-092", "IDN-108", "IDN-109", "IDN-110", "EU27-180"], reason="trait")
change(["SGP-165", "SGP-167"], reason="averaged", condition="")
change(span("BRA", 203, 211), reason="inframarginal", condition="")
change("IDN-113", reason="disputed", condition="")
for i, text in {"THA-016": "sold by 31 December 2023, registered by 31 January 2024", "THA-017": "registered by 31 January 2026", "THA-040": "registered by 31 January 2028"}.items():
    change(i, value="", note=text)

# Thailand
change(span("THA", 1, 11), announced="2022-02-15")
change(["THA-001", "THA-002", "THA-003", "THA-004", "THA-005"], budget="THA-EV3.0")
change(["THA-003"], condition="battery_kwh>=30; price_thb<=2000000; built=local; signed")
change(["THA-004"], condition="battery_kwh>=10; battery_kwh<30; built=local; signed")
change("THA-005", condition="battery_kwh>=30; price_thb<=2000000; built=local; signed")
change("THA-007", condition="price_thb<=7000000; signed")
change(["THA-008", "THA-030", "THA-031"], condition="")
change("THA-009", condition="signed!=EV3.0+EV3.5", announced="2017-01-01")
change("THA-010", condition="price_thb<=2000000; signed", unit="points")
change("THA-011", condition="price_thb>2000000; price_thb<=7000000; battery_kwh>=30; signed", unit="points")
change(["THA-012", "THA-013", "THA-016", "THA-017", "THA-018", "THA-019"], announced="2022-02-15", condition="")
change(["THA-014", "THA-015"], announced="2024-12-04", condition="")
change(["THA-018", "THA-019"], budget="THA-EV3.0", unit="THB")
change(span("THA", 21, 34), announced="2023-12-19")
change(span("THA", 21, 27), budget="THA-EV3.5")
change("THA-027", condition="battery_kwh>=50; price_thb<=2000000; built=local; signed")
change("THA-032", condition="price_thb<=2000000; signed", unit="points")
change(["THA-033", "THA-034"], condition="")
change(["THA-035", "THA-036", "THA-037"], announced="2025-07-30", condition="")
change("THA-035", condition="", note="built in Thailand and exported; decided 30 July 2025")
change("THA-037", note="registered capital over 5 billion THB; 40 million THB if smaller")
change("THA-038", announced="2025-11-25", condition="")
change("THA-039", budget="THA-EV3.5", unit="THB", announced="2023-12-19", condition="")
change("THA-040", announced="2023-12-19")
change(span("THA", 42, 44), announced="2022-06-09")
change("THA-045", condition="", unit="points", announced="2016-01-01")
change(span("THA", 46, 54), announced="2022-06-09")
change(["THA-053", "THA-054"], condition="co2_g_per_km>200; engine_cc<=3000")
change(["THA-046", "THA-047", "THA-048", "THA-049", "THA-050"], segment="car")
for i, band in zip(range(46, 53), ["<=100", "<=120", "<=150", "<=200", ">200", "<=100", "<=100"]):
    change(f"THA-{i:03d}", condition=f"co2_g_per_km{band}; engine_cc<=3000")
change("THA-055", condition="engine_cc>3000")
change(["THA-063", "THA-064"], condition=None, announced="2024-07-26")
change("THA-063", condition="co2_g_per_km<=100; built=local")
change("THA-064", condition="co2_g_per_km>100; co2_g_per_km<=120; built=local")
change(["THA-065", "THA-066"], announced="2024-07-26")
change("THA-067", condition="co2_g_per_km<=100; built=imported", announced="2022-06-09")
change(["THA-068", "THA-069"], announced="2025-04-29")
change("THA-070", announced="2022-06-09")
change("THA-077", condition="co2_g_per_km<=200; engine_cc<=3250")
change("THA-078", condition="co2_g_per_km>200; engine_cc<=3250")
change("THA-079", condition="co2_g_per_km<=100; built=local; segment=small", note="promoted plant; 12 percent if E85; eco-cars are small cars")
change("THA-080", condition="")
change("THA-081", condition="", unit="share_of_excise")
change("THA-082", condition="", scheme="MFN")
change(["THA-083", "THA-084", "THA-086"], condition="")
change("THA-085", condition="engine_cc>3000")

# Indonesia
change("IDN-087", condition="built=local", powertrain="BEV+FCEV")
change("IDN-088", condition="engine_cc<=3000; co2_g_per_km<100; range_km>=40")
change("IDN-089", condition="engine_cc<=3000; co2_g_per_km<100")
change("IDN-090", condition="engine_cc<=3000; co2_g_per_km>=100; co2_g_per_km<=125")
change("IDN-091", condition="engine_cc<=3000; co2_g_per_km>125; co2_g_per_km<=150")
change(["IDN-093"], condition="engine_cc<=3000; co2_g_per_km<=150")
change("IDN-094", condition="engine_cc<=3000; co2_g_per_km>150; co2_g_per_km<=200")
change("IDN-095", condition="engine_cc<=3000; co2_g_per_km>200; co2_g_per_km<=250")
change("IDN-096", condition="engine_cc<=3000; co2_g_per_km>250")
change("IDN-097", condition="engine_cc<=1200; built=local", note="the price cap (not on record) is left out; with a list of eligible models")
change("IDN-098", condition="", announced="2023-12-08")
change("IDN-099", condition="built=local", unit="points", budget="IDN-PPnBM", announced="2024-12-16")
change("IDN-100", condition="built=local", unit="points", announced="2023-03-20", note="local assembly stands for a domestic content of 40 percent; renewed yearly; buses 5 points at 20-40")
change("IDN-101", condition="", announced="2021-10-29")
change("IDN-102", condition="", announced="2021-10-29")
change("IDN-103", condition="", scheme="MFN", built="imported")
change("IDN-104", condition="signed", announced="2023-12-08", scheme="BEV incentive")
change("IDN-105", condition="signed", announced="2023-12-08", scheme="BEV incentive")
change("IDN-106", condition="", scheme="MFN", announced="2023-12-08", built="imported")
change("IDN-107", condition="", announced="2023-12-08")
change(["IDN-111"], announced="2025-01-01")
change("IDN-112", condition="")

# Malaysia
change(["MYS-116", "MYS-117", "MYS-118", "MYS-119"], announced="2021-10-29")
change("MYS-116", condition="", scheme="MFN", built="imported")
change("MYS-117", condition="built=imported")
change(["MYS-118", "MYS-119"], condition="")
change("MYS-120", condition="", scheme="MFN", built="imported")
change("MYS-121", condition="", announced="2023-02-24")
change("MYS-122", condition="", announced="2023-02-24")
change("MYS-123", condition="")
change("MYS-124", condition="built=imported", announced="2023-02-24")
change("MYS-125", condition="")
change("MYS-126", condition="built=imported; engine_cc<=2500")
change("MYS-127", condition="built=imported; engine_cc>2500")
change("MYS-128", condition="built=local", note="locally built passenger cars in full; the half for imports is left out (ended before the base year)")

# Viet Nam
change(["VNM-129", "VNM-130"], condition="", announced="2022-01-11")
change(["VNM-131", "VNM-132"], condition="", unit="share_of_combustion_rate")
change("VNM-141", condition="", powertrain="ICE+HEV+PHEV")
change("VNM-142", condition="", powertrain="ICE+HEV+PHEV")
change("VNM-143", condition="", announced="2022-01-15")
change("VNM-144", condition="", announced="2023-06-28", powertrain="ICE+HEV+PHEV")
change(["VNM-145"], condition="")
change("VNM-146", condition="engine_cc>2000; engine_cc<=2500", scheme="MFN", built="imported")
change("VNM-147", condition="", scheme="MFN", built="imported")

# The Philippines
change("PHL-149", condition="", scheme="MFN", built="imported", announced="2023-01-13")
change("PHL-150", condition="", scheme="MFN", built="imported", announced="2024-05-15")
change("PHL-151", condition="", scheme="MFN", built="imported")
change("PHL-152", condition="")
change("PHL-153", condition="")
change("PHL-154", condition="", unit="share_of_combustion_rate", powertrain="HEV")
change("PHL-156", condition="price_php>600000; price_php<=1000000")
change("PHL-157", condition="price_php>1000000; price_php<=4000000")
change("PHL-158", condition="price_php>4000000")
change("PHL-159", condition="")
change("PHL-164", condition="", unit="THB/unit", note="as printed: 42000 THB a car, 66000 a pickup; refunded")

# Others in ASEAN and trade areas
change(["PHL-161", "PHL-162", "PHL-163"], announced="2023-05-15")
change("VNM-148", announced="2022-07-22")
change("SGP-166", announced="2020-02-18")
change("THA-041", announced="2021-05-12")
change(["IDN-114", "IDN-115"], announced="2021-06-22")
change("MYS-231", announced="2020-07-21")
change(["IDN-226", "IDN-227"], announced="2025-10-14")
change(["PHL-242", "PHL-243"], announced="2024-05-20")
change("VNM-245", announced="2025-11-07")
for country in ("KHM-168", "LAO-169", "MMR-170", "BRN-171"):
    change(country, condition="", scheme="MFN", built="imported")
change("ASEAN-172", condition="")
change("ASEAN-173", condition="", iso3="ASEAN-6")
change("ASEAN-174", condition="", iso3="CLMV")

# Tariffs on Chinese and other electric cars
for n, maker in {175: "BYD", 176: "Geely+VolvoCars", 177: "SAIC", 178: "Tesla", 181: "BYD", 182: "Geely+VolvoCars", 183: "SAIC"}.items():
    change(f"EU27-{n}", condition=f"maker={maker}")
change(["EU27-179", "EU27-184"], condition="maker!=BYD+Geely+VolvoCars+SAIC+Tesla")
change("EU27-180", condition="", note="which firms did not cooperate is not known: makers without a rate of their own pay that of cooperating firms")
change(span("EU27", 175, 180), unit="ad_valorem", scheme="Regulation 2024/2754", announced="2024-10-29")
change(span("EU27", 181, 184), unit="ad_valorem", scheme="provisional", announced="2024-07-04", reason="no_force", note="secured, never collected")
change("EU27-185", condition="", scheme="MFN", built="imported")
change("USA-186", condition="", unit="ad_valorem", instrument="additional_duty", announced="2024-05-14")
change("USA-187", condition="", instrument="additional_duty", announced="2018-06-15")
change("USA-188", condition="", scheme="MFN", built="imported")
change("CAN-189", condition="", unit="ad_valorem", announced="2024-08-26")
change("CAN-190", condition="", value="49000", unit="vehicles/year", announced="2026-01-16", fine_usd="25000",
       note="0.061 ad valorem inside 49000 units a year, rising to 70000 in year five; announced 16-17 January 2026, day in force not seen; the fine is the duty outside (own estimate)")
for n in range(191, 203):
    change(f"BRA-{n}", condition="", scheme="MFN", built="imported", announced="2023-11-10",
           note="zero (4 percent hybrids) before 2024; duty-free value quotas to June 2026")
change("TUR-214", condition="", unit="ad_valorem", scheme="additional duty", end="2025-09-21", note="rate and day recalled; replaced by the decree of September 2025")
change("TUR-215", condition="", unit="ad_valorem", scheme="additional duty", floor="USD 7000", note="minimum 7000 USD; investors such as BYD exempt; end date recalled")
for n, least in {216: 6000, 217: 7000, 218: 8000}.items():
    change(f"TUR-{n}", condition="", unit="ad_valorem", scheme="additional duty", floor=f"USD {least}", condition_origin="", built_not="EU27+GBR+KOR")
change("MEX-219", condition="", scheme="MFN", built="imported")
change("MEX-220", condition="", scheme="MFN", built="imported", announced="2025-12-10")

for i in ["IDN-221", "IDN-222", "IDN-223", "IDN-224", "IDN-225", "MYS-228", "MYS-229", *span("THA", 232, 236), "PHL-238", "PHL-240", "PHL-241",
          "VNM-244", "VNM-245", "IND-246", "BRA-247"]:
    change(i, condition="")
change("VNM-244", note="RON 92 only: about 40 percent of petrol in 2018-2019, about 20 percent since 2023")


def own(identifier, iso3, instrument, scheme, value, unit, start, end="", announced="", source="RECALLED_POLICY", basis="recalled", note="", certainty="medium", **cells):
    row = {"id": identifier, "iso3": iso3, "instrument": instrument, "scheme": scheme, "payer": iso3, "segment": "light", "powertrain": "all", "built": "any",
           "value": str(value), "unit": unit, "start": start, "end": end, "announced": announced or start, "certainty": certainty,
           "source": source, "basis": basis, "note": note}
    row.update(cells)
    OWN.append(row)


OWN = []
SEEN_NOR = {"source": "electrive (2025-12-04), Norway to keep tax breaks for electric cars a little longer", "basis": "literature"}
SEEN_CHN = {"source": "c114pro (2026), purchase tax of new energy vehicles", "basis": "literature"}
SEEN_232 = {"JPN": "KBS World (2025-09), tariffs on Japanese automobiles at 15 percent", "DEU": "bci24news (2025-09-25), US implements trade deal with the European Union"}
# Thailand: what the facts leave open. The 2022 structure rises by two points in 2028 and 2030 in each band.
for band, rates, limits in [("120", (.24, .26), "co2_g_per_km<=120"), ("150", (.27, .29), "co2_g_per_km<=150"), ("200", (.31, .33), "co2_g_per_km<=200")]:
    own(f"THA-X{band}a", "THA", "excise", "2026 structure", rates[0], "ad_valorem", "2028-01-01", "2029-12-31", "2022-06-09", segment="car", powertrain="ICE",
        condition=limits + "; engine_cc<=3000", note="the bands between those printed, two points more than in 2026")
    own(f"THA-X{band}b", "THA", "excise", "2026 structure", rates[1], "ad_valorem", "2030-01-01", "", "2022-06-09", segment="car", powertrain="ICE",
        condition=limits + "; engine_cc<=3000", note="the bands between those printed; taken to go on after 2030")
own("THA-X100c", "THA", "excise", "2026 structure", .15, "ad_valorem", "2031-01-01", "", "2022-06-09", segment="car", powertrain="ICE",
    condition="co2_g_per_km<=100; engine_cc<=3000", basis="estimate", note="the rate of 2030 is taken to go on")
own("THA-X200c", "THA", "excise", "2026 structure", .38, "ad_valorem", "2031-01-01", "", "2022-06-09", segment="car", powertrain="ICE",
    condition="co2_g_per_km>200; engine_cc<=3000", basis="estimate", note="the rate of 2030 is taken to go on")
own("THA-Xcc", "THA", "excise", "all", .5, "ad_valorem", "2031-01-01", "", "2022-06-09", segment="car", powertrain="ICE", condition="engine_cc>3000",
    basis="estimate", note="the rate of 2030 is taken to go on")
for n, (limits, rate) in enumerate([("co2_g_per_km<=100", .08), ("co2_g_per_km<=150", .16), ("co2_g_per_km<=200", .21), ("co2_g_per_km>200", .26)]):
    own(f"THA-XH{n}", "THA", "excise", "HEV/PHEV without promotion", rate, "ad_valorem", "2018-01-01", "2025-12-31", segment="car", powertrain="HEV+PHEV",
        condition=limits, note="full rates of which promoted makers pay half")
for n, (limits, rate) in enumerate([("co2_g_per_km>120; co2_g_per_km<=150", .14), ("co2_g_per_km>150; co2_g_per_km<=200", .19), ("co2_g_per_km>200", .24)]):
    own(f"THA-XJ{n}", "THA", "excise", "HEV 2026", rate, "ad_valorem", "2026-01-01", "", "2022-06-09", segment="car", powertrain="HEV", condition=limits,
        note="bands above those of the freeze")
own("THA-XJ8", "THA", "excise", "HEV 2026", .08, "ad_valorem", "2026-01-01", "2029-12-31", "2022-06-09", segment="car", powertrain="HEV",
    condition="co2_g_per_km<=100; built=imported", note="rate of 2028; makers outside the freeze")
own("THA-XJ9", "THA", "excise", "HEV 2026", .11, "ad_valorem", "2026-01-01", "", "2022-06-09", segment="car", powertrain="HEV",
    condition="co2_g_per_km>100; co2_g_per_km<=120; built=imported", note="makers outside the freeze")
own("THA-XD", "THA", "offset_rule", "EV3.0 and EV3.5 default", .075, "interest a year", "2022-02-15", "", "2022-02-15", segment="car", powertrain="BEV",
    source="KYOSO_RULES", basis="estimate", note="default: subsidy, duty and excise relief are to be paid back with interest (statutory rate of 7.5 percent a year)")
own("IDN-XB", "IDN", "budget", "PPnBM DTP hybrid", 840e9, "IDR", "2025-01-01", "2025-12-31", "2024-12-16", segment="car", powertrain="HEV", budget="IDN-PPnBM",
    source="VietnamLeads citing Reuters (2024); segmenty (2025)", basis="literature", note="budget of IDN-099")

# Customs unions
own("EU27-XU", "EU27", "import_duty", "customs union", 0, "ad_valorem", "1995-01-01", built="EU27", source="KYOSO_RULES", basis="literature", certainty="high",
    note="no duty inside the Union")
# China: purchase tax and its relief for new-energy vehicles
own("CHN-X1", "CHN", "registration_tax", "purchase tax", .10, "ad_valorem", "2001-01-01", segment="light", certainty="high")
own("CHN-X2", "CHN", "registration_tax", "NEV exemption", -.10, "points", "2014-09-01", "2023-12-31", powertrain="PHEV+BEV+FCEV", certainty="high", note="extended 2017, 2020, 2022")
own("CHN-X3", "CHN", "registration_tax", "NEV exemption", -.10, "points", "2024-01-01", "2025-12-31", "2023-06-21", powertrain="PHEV+BEV+FCEV", cap="CNY 30000", certainty="high", **SEEN_CHN)
own("CHN-X4", "CHN", "registration_tax", "NEV half exemption", -.05, "points", "2026-01-01", "2027-12-31", "2023-06-21", powertrain="PHEV+BEV+FCEV", cap="CNY 15000", certainty="high", **SEEN_CHN)
# Norway
own("NOR-X1", "NOR", "vat", "BEV exemption", -.25, "points", "2001-07-01", "2022-12-31", powertrain="BEV+FCEV", certainty="high")
own("NOR-X2", "NOR", "vat", "BEV exemption to NOK 500,000", -.25, "points", "2023-01-01", "2025-12-31", "2022-10-06", powertrain="BEV+FCEV", cap="NOK 125000", certainty="high", **SEEN_NOR)
own("NOR-X3", "NOR", "vat", "BEV exemption to NOK 300,000", -.25, "points", "2026-01-01", "2026-12-31", "2025-10-15", powertrain="BEV+FCEV", cap="NOK 75000", **SEEN_NOR)
own("NOR-X5", "NOR", "vat", "BEV exemption to NOK 150,000", -.25, "points", "2027-01-01", "2027-12-31", "2025-12-04", powertrain="BEV+FCEV", cap="NOK 37500", **SEEN_NOR)
own("NOR-X4", "NOR", "registration_tax", "weight component", 17500, "NOK/unit", "2023-01-01", "", "2022-10-06", powertrain="BEV+FCEV",
    note="NOK 12.5 a kg above 500 kg for an electric car of 1,900 kg")
# United States: Section 232 duties on cars of 2025
for n, (built, rate, start, end, announced) in enumerate([
        ("DEU+FRA+ITA+ESP+SWE+SVK+CZE+HUN+ROU+AUT+BEL+NLD+PRT+POL+SVN+FIN", .25, "2025-04-03", "2025-07-31", "2025-03-26"),
        ("DEU+FRA+ITA+ESP+SWE+SVK+CZE+HUN+ROU+AUT+BEL+NLD+PRT+POL+SVN+FIN", .125, "2025-08-01", "", "2025-07-27"),
        ("JPN", .25, "2025-04-03", "2025-09-15", "2025-03-26"), ("JPN", .125, "2025-09-16", "", "2025-07-22"),
        ("KOR", .25, "2025-04-03", "2025-10-31", "2025-03-26"), ("KOR", .15, "2025-11-01", "", "2025-10-29"),
        ("GBR", .25, "2025-04-03", "2025-06-29", "2025-03-26"), ("GBR", .075, "2025-06-30", "", "2025-05-08"),
        ("CHN+IND+THA+IDN+VNM+ZAF+TUR+BRA+ARG+TWN+MYS", .25, "2025-04-03", "", "2025-03-26")]):
    seen = SEEN_232.get(built[:3]) if rate < .25 else "Cassidy Levy Kent (2025-03), Section 232 proclamation on automobiles"
    own(f"USA-X{n}", "USA", "additional_duty", "Section 232", rate, "ad_valorem", start, end, announced, built=built,
        source=seen or "RECALLED_POLICY", basis="literature" if seen else "recalled",
        note="with the ordinary duty of 2.5 percent: 15 percent in all from the European Union and Japan, 10 from the United Kingdom; content from Mexico and Canada pays on its foreign part and is left out")
# Proposals that are no law
own("EU27-XP", "EU27", "co2_standard", "proposal of December 2025", 11, "g/km", "2035-01-01", "", "2025-12-16", source="DieselNet (2025-12-17), EU Commission releases Automotive Package proposals", basis="literature", fine_usd="103", pool="EU", reason="proposal",
    note="a tenth of the 2021 mean may be left in 2035, made good by low-carbon steel and fuels")

# Makers that signed, by scheme. An origin as maker stands for the makers of that origin where none is named.
SIGNED = [
    ("EV3.0", "THA", "SAIC", "2022-03-21"), ("EV3.0", "THA", "GWM", "2022-03-21"), ("EV3.0", "THA", "Toyota", "2022-04-29"), ("EV3.0", "THA", "BYD", "2022-08-01"),
    ("EV3.0", "THA", "Hozon", "2022-08-01"), ("EV3.0", "THA", "MercedesBenz", "2022-11-01"), ("EV3.0", "THA", "GAC", "2023-09-01"), ("EV3.0", "THA", "CHN", "2022-03-21"),
    ("EV3.5", "THA", "BYD", "2024-01-01"), ("EV3.5", "THA", "GWM", "2024-01-01"), ("EV3.5", "THA", "SAIC", "2024-01-01"), ("EV3.5", "THA", "Hozon", "2024-01-01"),
    ("EV3.5", "THA", "GAC", "2024-01-01"), ("EV3.5", "THA", "Changan", "2024-01-01"), ("EV3.5", "THA", "Chery", "2024-01-01"), ("EV3.5", "THA", "Honda", "2024-01-01"),
    ("EV3.5", "THA", "Isuzu", "2025-01-01"), ("EV3.5", "THA", "Toyota", "2025-01-01"), ("EV3.5", "THA", "CHN", "2024-01-01"),
    ("BEV incentive", "IDN", "BYD", "2024-02-15"), ("BEV incentive", "IDN", "GAC", "2024-05-01"), ("BEV incentive", "IDN", "VinFast", "2024-05-01"),
    ("BEV incentive", "IDN", "Geely", "2025-01-01"), ("BEV incentive", "IDN", "Stellantis", "2024-05-01"), ("BEV incentive", "IDN", "Xpeng", "2025-01-01"),
    ("BEV incentive", "IDN", "GWM", "2024-05-01"), ("BEV incentive", "IDN", "CHN", "2024-02-15"),
]
# Battery-electric cars sold with support in 2022-23, all of them imported: what makers owe under EV3.0.
NESDC, EMBASSY = "NESDC via Thai PBS Policy Watch (2024)", "Royal Thai Embassy Washington (2024)"
IMPORTED = [
    ("BYD", 2023, 30467, NESDC, "literature", "all BEV of the badge; none was built in Thailand before 2024"),
    ("Hozon", 2023, 12777, NESDC, "literature", "all BEV of the badge"), ("SAIC", 2023, 12462, NESDC, "literature", "all BEV of the badge"),
    ("GWM", 2023, 6746, EMBASSY, "literature", "Ora alone"),
    ("BYD", 2022, 312, "RECALLED_POLICY", "recalled", ""), ("SAIC", 2022, 2900, "RECALLED_POLICY", "recalled", "no split of 2022 by badge is on record"),
    ("GWM", 2022, 3800, "RECALLED_POLICY", "recalled", "no split of 2022 by badge is on record"), ("Hozon", 2022, 1000, "RECALLED_POLICY", "recalled", "no split of 2022 by badge is on record"),
]
# Order, base and share of the base; a country's rows go over those of the world.
BASES = [
    ("WLD", "import_duty", 1, "producer_price", .8, "estimate", "customs value: the producer's price less distribution and dealer, about a fifth"),
    ("WLD", "excise", 2, "duty_paid", 1, "estimate", "averages of vehicle_taxes are rates on the price with duty"),
    ("WLD", "vat", 3, "accumulated", 1, "literature", ""), ("WLD", "registration_tax", 4, "before_vat", 1, "estimate", ""),
    ("WLD", "origin_compliance", 0, "producer_price", .01, "estimate", "studies give 1-4 per cent of value for proof of origin; cars have few lines and large lots"),
    ("THA", "excise", 2, "gross", 1, "literature", "on the suggested retail price before VAT, so that 1+v = 1.07/(1-1.1e)"),
    ("IDN", "vat", 3, "duty_paid", 1, "literature", "VAT and luxury tax are charged on the same value"),
    ("MYS", "excise", 2, "duty_paid", 1, "literature", "value with import duty"), ("VNM", "excise", 2, "duty_paid", 1, "literature", ""),
    ("VNM", "registration_tax", 4, "accumulated", 1, "literature", "on the price with VAT"), ("PHL", "excise", 2, "duty_paid", 1, "literature", ""),
    ("CHN", "registration_tax", 4, "before_vat", 1, "literature", "ten per cent of the price before VAT"), ("NOR", "vat", 3, "accumulated", 1, "literature", ""),
    ("NOR", "excise", 5, "before_vat", 1, "literature", "registration tax is not part of the base of VAT"),
]
RATES = {"EUR": .9248, "NOK": 10.564, "TRY": 23.739, "SEK": 10.610, "DKK": 6.890, "CHF": .8985, "NZD": 1.6287, "ILS": 3.687}


def build(rows, basis_of, num, key, tail, write, fx):
    """Writes rules, signatories, tax_bases, exchange_rates, offset_imports."""
    def key_of(text):
        return "+".join(key(part) for part in dict.fromkeys(text.split("; ")))

    body = []
    for r in rows("asean/policies.csv"):
        c = dict(CHANGE.get(r["id"], {}))
        prose = r["condition"]
        terms = c.pop("condition", None)
        c.pop("condition_origin", None)
        if terms is None:
            terms = condition(prose)
            assert terms is not None or c.get("reason"), (r["id"], prose)
            terms = terms or ""
        other = c.pop("built_not", None)
        if other:
            terms = "; ".join(filter(None, [terms, f"built!={other}"]))
        instrument = c.pop("instrument", INSTRUMENT.get(r["instrument"], r["instrument"]))
        unit = {"ad valorem": "ad_valorem"}.get(r["unit"], r["unit"])
        if r["unit"].startswith("percentage points") or instrument == "vat" and float(r["value"] or 0) < 0:
            unit = "points"
        row = {"id": r["id"], "iso3": r["iso3"], "instrument": instrument, "scheme": r["rule"], "payer": c.pop("payer", r["iso3"]),
               "segment": "light" if instrument in GENERAL or instrument == "import_duty" and r["powertrain"] == "all" and r["iso3"] not in ("USA", "THA", "EU27") else SEGMENT[r["vehicle_class"]],
               "powertrain": POWERTRAIN.get(r["powertrain"], r["powertrain"]), "built": BUILT.get(r["origin"], r["origin"]), "condition": terms,
               "value": r["value"] if instrument == "deadline" else num(r["value"]), "unit": unit, "cap": "", "floor": "", "fine_usd": "", "pool": "",
               "start": r["start"], "end": r["end"], "announced": r["start"], "budget": "", "certainty": r["certainty"], "reason": ""}
        note = "; ".join(filter(None, [r["note"], prose if terms == "" and prose else ""]))
        row.update({k: v for k, v in c.items() if k != "note"})
        # ATIGA is free for whatever originates there, pickups too.
        if row["scheme"].startswith("ATIGA") or row["instrument"] in ("rule_of_origin",):
            row["segment"] = "light"
        body.append([row[h] for h in HEADER] + [row["announced"][:4], key_of(r["source"]), basis_of(r["basis"]), " ".join(c.get("note", note).split())])
    for r in OWN:
        body.append([r.get(h, "") for h in HEADER] + [r["announced"][:4], key_of(r["source"]), r["basis"], r["note"]])
    write("rules", HEADER, body, 1)
    recalled = {"source": "RECALLED_POLICY", "basis": "recalled"}
    write("signatories", ["scheme", "iso3", "maker", "start", "end", "announced"],
          [[s, c, m, d, "", d] + tail({**recalled, "note": "makers of this origin without a name of their own" if m == "CHN" else "day of signing recalled to about a month"}, d[:4]) for s, c, m, d in SIGNED], 3)
    write("tax_bases", ["iso3", "instrument", "order", "base", "share"],
          [[i, t, str(o), b, num(str(s))] + tail({"source": "KYOSO_RULES", "basis": basis, "note": note}, 2023) for i, t, o, b, s, basis, note in BASES], 2)
    write("exchange_rates", ["currency", "per_usd"],
          [[c, num(v)] + tail({"source": "WDI_FX", "basis": "measured", "note": "annual mean of 2023"}, 2023) for c, v in sorted(fx.items())]
          + [[c, repr(v)] + tail({**recalled, "source": "RECALLED_FX", "note": "annual mean of 2023"}, 2023) for c, v in RATES.items() if c not in fx], 1)
    write("offset_imports", ["iso3", "scheme", "maker", "year", "units"],
          [["THA", "EV3.0", m, str(y), str(n)] + tail({"source": s, "basis": b, "note": note}, y) for m, y, n, s, b, note in IMPORTED], 4)
