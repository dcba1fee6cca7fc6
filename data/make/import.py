#!/usr/bin/env python3
"""Facts to the record of the pack: `python3 data/make/import.py FACTS [PACK]`.

FACTS holds the folders macro, autos, asean, tech with tables as their READMEs describe them; PACK is this
project's data folder. Run by hand when facts change; nothing in the project needs FACTS to build, run or
pass its tests. Each mapping below is a rule of precedence or of translation, in the order of the tables.
Estimates are not made here but by the program itself at load (crates/model/src/world/fill.rs).
"""
import csv, math, os, re, sys
from collections import defaultdict

import rules

FACTS = sys.argv[1]
PACK = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(__file__), "..")
BASE = 2023
TAIL = ["known_from", "source", "basis", "note"]
used_sources = {}


def rows(path):
    with open(os.path.join(FACTS, path), encoding="utf-8", newline="") as f:
        yield from csv.DictReader(f)


def key_of(text):
    """A citation key: the text itself where it is one, a slug of it where it is prose."""
    text = text.strip() or "UNSTATED"
    if re.fullmatch(r"[A-Za-z0-9_+.\-]+", text):
        for part in text.split("+"):
            used_sources.setdefault(part, "")
        return text
    words = re.findall(r"[A-Za-z0-9]+", text)
    slug = "_".join(words)[:40].strip("_").upper()
    used_sources.setdefault(slug, text)
    return slug


BASIS = {"measured": "measured", "literature": "literature", "estimate": "estimate", "recalled": "recalled",
         "reported": "literature", "derived": "estimate"}


def basis_of(text):
    text = text.strip()
    if text.startswith("IEA rounded"):
        return "measured"
    return BASIS.get(text, "estimate")


def num(text):
    text = (text or "").strip()
    if not text:
        return ""
    value = float(text)
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def tail(row, known, note=None):
    note = row.get("note", "") if note is None else note
    return [str(known), key_of(row.get("source", "")), basis_of(row.get("basis", "")), " ".join(note.split())]


def first_of(body, key):
    """The first row of each key, where a source tells the same thing twice."""
    kept = {}
    for row in body:
        kept.setdefault(tuple(row[:key]), row)
    return list(kept.values())


def write(name, header, body, key):
    """Sorts by the first `key` columns; a key that stands twice is an error of this script."""
    def order(row):
        return [(0, float(x)) if re.fullmatch(r"-?\d+(\.\d+)?", x) else (1, x) for x in row]
    body = sorted(body, key=lambda row: order(row[:key]) + order(row[key:]))
    seen = set()
    for row in body:
        assert len(row) == len(header) + 4, (name, row)
        k = tuple(row[:key])
        assert k not in seen, (name, "twice", k)
        seen.add(k)
    with open(os.path.join(PACK, "record", name + ".csv"), "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(header + TAIL)
        w.writerows(body)
    print(f"{name}: {len(body)} rows")


# Countries, people, income
regions = list(rows("macro/regions.csv"))
ISO = {r["iso3"] for r in regions}
NAMES = {}
for r in regions:
    for column in ("name", "iamc_name", "owid_name", "iea_name", "iea_ev_name"):
        if r[column]:
            NAMES[r[column].lower()] = r["iso3"]
NAMES.update({"usa": "USA", "korea": "KOR", "turkiye": "TUR", "viet nam": "VNM", "united kingdom": "GBR", "world": "WLD",
              "eu27": "EU27", "australia_nz": "Oceania", "middle east": "Middle East", "africa": "Africa", "south korea": "KOR"})
write("countries", ["iso3", "name", "group", "iamc_name", "asean", "currency"],
      [[r["iso3"], r["name"], r["group"], r["iamc_name"], r["asean"], r["currency"], "2023", "ISO3166+SSP2024", "literature", ""]
       for r in regions], 1)
for s in ("ISO3166", "SSP2024"):
    used_sources.setdefault(s, "")


def scenario_year(r):
    return "2024" if r["scenario"].startswith("SSP") else r["year"]


write("population", ["iso3", "scenario", "year", "population"],
      [[r["iso3"], r["scenario"], r["year"], num(r["population"])] + tail(r, scenario_year(r), "") for r in rows("macro/population.csv")], 3)
write("gdp", ["iso3", "scenario", "year", "gdp_ppp_bn"],
      [[r["iso3"], r["scenario"], r["year"], num(r["gdp_ppp_bn_2021intd"])] + tail(r, scenario_year(r), "") for r in rows("macro/gdp.csv")], 3)
write("gini", ["iso3", "year", "gini_income_equivalent"],
      [[r["iso3"], r["year"], num(r["gini_income_equivalent"])] + tail(r, r["year"]) for r in rows("macro/gini.csv")], 1)
deflator = {int(r["year"]): float(r["value"]) / 100 for r in rows("macro/deflator.csv") if r["series"] == "us_gdp_deflator"}
write("deflator", ["year", "usd_deflator"],
      [[r["year"], repr(float(r["value"]) / 100)] + tail(r, r["year"]) for r in rows("macro/deflator.csv") if r["series"] == "us_gdp_deflator"], 1)

# Energy: annual rows only; nominal US dollars to dollars of 2023
CARRIER = {"petrol": "gasoline", "petrol_regulated": "gasoline", "diesel": "diesel", "electricity_household": "electricity"}
prices = {}
for r in rows("macro/energy_prices.csv"):
    if r["carrier"] in CARRIER and r["period"].isdigit() and len(r["period"]) == 4 and r["iso3"] in ISO:
        year = int(r["year"])
        if year > BASE:
            continue
        key = (r["iso3"], str(year), CARRIER[r["carrier"]])
        row = list(key) + [repr(round(float(r["value"]) / deflator[year], 4))] + tail(r, year)
        # The regulated grade is what most people buy, so it goes before the market price.
        if key not in prices or r["carrier"] == "petrol_regulated":
            prices[key] = row
# Electricity is one value a country (mean of 2023-2026): it stands for 2023.
for r in rows("macro/energy_prices.csv"):
    if r["carrier"] == "electricity_household" and r["iso3"] in ISO:
        prices.setdefault((r["iso3"], "2023", "electricity"), [r["iso3"], "2023", "electricity", repr(round(float(r["value"]), 4))] + tail(r, 2023))
write("fuel_prices", ["iso3", "year", "carrier", "price_usd2023"], list(prices.values()), 3)
crude = []
for r in rows("macro/energy_prices.csv"):
    if r["carrier"] == "crude_brent" and int(r["year"]) <= BASE:
        crude.append(["history", r["year"], repr(round(float(r["value"]) / deflator[int(r["year"])], 2))] + tail(r, r["year"]))
    if r["carrier"] == "crude_path:kyoso_reference" and int(r["year"]) > BASE:
        crude.append(["reference", r["year"], num(r["value"])] + tail(r, 2024))
write("crude_price", ["path", "year", "price_usd2023_per_bbl"], crude, 2)
write("grid", ["iso3", "scenario", "year", "gco2e_per_kwh"],
      [[r["iso3"], r["scenario"], r["year"], num(r["gco2e_per_kwh"])] + tail(r, r["year"] if r["scenario"] == "history" else 2024, "")
       for r in rows("macro/grid.csv") if r["level"] == "country" and r["gco2e_per_kwh"] and r["iso3"] in ISO], 3)

# Sales and production: the preferred row of a key is the series, the other stays visible
sales, superseded = [], []
for r in rows("autos/sales.csv"):
    if r["iso3"] not in ISO:
        continue
    head = [r["iso3"], r["year"], r["vehicle_class"], num(r["units"])]
    if r["preferred"] == "1":
        sales.append(head + [r["measure"], r["scope"]] + tail(r, r["year"]))
    else:
        superseded.append(head + [r["measure"], "another source is preferred (see README of the pack)"] + tail(r, r["year"]))
write("sales", ["iso3", "year", "vehicle_class", "units", "measure", "scope"], sales, 3)
write("sales_superseded", ["iso3", "year", "vehicle_class", "units", "measure", "why"], superseded, 3)
# Both editions of the organisation hold 2019: the later one is used.
by_region = {(r["region"], r["year"], r["vehicle_class"]): r for r in sorted(rows("autos/sales_regions.csv"), key=lambda r: r["source"])}
write("sales_regions", ["region", "year", "vehicle_class", "units"],
      [[r["region"], r["year"], r["vehicle_class"], num(r["units"])] + tail(r, r["year"], "") for r in by_region.values()], 3)
write("production", ["iso3", "year", "vehicle_class", "units"],
      [[r["iso3"], r["year"], r["vehicle_class"], num(r["units"])] + tail(r, r["year"])
       for r in rows("autos/production.csv") if r["iso3"] in ISO and r["units"]], 3)

# Stock: anchors for four-wheelers; counts that include two-wheelers are kept but not used
people = {(r["iso3"], r["year"]): float(r["population"]) for r in rows("macro/population.csv") if r["scenario"] == "history"}
anchors, unused, private = {}, [], {}
SD = {"measured": 0.08, "literature": 0.10, "estimate": 0.15, "recalled": 0.22}
for r in rows("autos/stock.csv"):
    if r["iso3"] not in ISO or int(r["year"]) > BASE or not r["value"]:
        continue
    value = float(r["value"])
    if r["unit"] == "per_1000_people":
        value *= people.get((r["iso3"], r["year"]), float("nan")) / 1000
    if value != value or value <= 0:
        continue
    basis = basis_of(r["basis"])
    cls = r["vehicle_class"]
    if cls in ("cars_trucks_buses", "total"):
        key = (r["iso3"], r["year"], "total_4w")
        sd = SD[basis] * (1.5 if cls == "cars_trucks_buses" else 1)
        row = list(key) + [repr(round(value)), repr(round(sd, 3))] + tail(r, r["year"])
        if key in anchors and float(anchors[key][4]) <= sd:
            unused.append(row[:4] + ["a better count of the same year is used"] + row[5:])
        else:
            if key in anchors:
                old = anchors[key]
                unused.append(old[:4] + ["a better count of the same year is used"] + old[5:])
            anchors[key] = row
    elif cls == "private_vehicles" and r["unit"] == "vehicles":
        # Breaks named in the README: Germany 2007, Lithuania 2014, Colombia unusable, USA 2010-2021.
        bad = r["iso3"] == "COL" or (r["iso3"] == "USA") or (r["iso3"] == "DEU" and int(r["year"]) <= 2007) or (r["iso3"] == "LTU" and int(r["year"]) <= 2014)
        key = (r["iso3"], r["year"], "private_light")
        if not bad and key not in private:
            private[key] = list(key) + [repr(round(value)), "0.05"] + tail(r, r["year"], "")
    else:
        unused.append([r["iso3"], r["year"], cls, repr(round(value)), "not four-wheelers alone, or a part of them"] + tail(r, r["year"], ""))
for r in rows("autos/stock_base2023.csv"):
    key = (r["iso3"], r["year"], "total_4w")
    if r["iso3"] in ISO and key not in anchors:
        anchors[key] = list(key) + [num(r["units"]), repr(SD[basis_of(r["basis"])] * (0.6 if basis_of(r["basis"]) == "estimate" else 0.8))] + tail(r, r["year"])
write("stock", ["iso3", "year", "vehicle_class", "vehicles", "relative_sd"], list(anchors.values()) + list(private.values()), 3)
dedup = {}
for row in unused:
    dedup.setdefault(tuple(row[:4]), row)
write("stock_superseded", ["iso3", "year", "vehicle_class", "vehicles", "why"], list(dedup.values()), 4)

# Electrified sales: national registrations, then associations, then IEA (two significant figures)
electrified, electrified_out = {}, {}


def offer(rank, row, why):
    key = tuple(row[:5])
    if key not in electrified:
        electrified[key] = (rank, row)
    else:
        old_rank, old = electrified[key]
        first, second = (row, old) if rank < old_rank else (old, row)
        electrified[key] = (min(rank, old_rank), first)
        electrified_out.setdefault(tuple(second[:6]), second[:6] + [why] + second[6:])


def national_rank(source):
    if re.search(r"land transport|JPJ|LTA|LTO|NESDC", source):
        return 0
    return 1 if re.search(r"FTI|Gaikindo|MAA|CAMPI|Autolife", source) else 2


for r in rows("asean/ev_sales.csv"):
    if r["iso3"] not in ISO or "IEA" in r["source"] and "derived" not in r["source"] or not r["units"] or int(r["year"]) > BASE:
        continue
    if r["powertrain"] in ("BEV", "PHEV", "HEV", "FCEV") and "2-3" not in r["vehicle_class"] and "misprint" not in r["note"] and r["units"] != "78314":
        cls = "car" if r["vehicle_class"].startswith("car") else r["vehicle_class"]
        # Members only of the Malaysian association leave out Tesla: the register goes before it.
        offer(national_rank(r["source"]) + (2 if "part" in r["note"].lower() or "month" in r["note"].lower() else 0),
              [r["iso3"], r["year"], cls, r["powertrain"], "sales", num(r["units"])] + tail(r, r["year"]),
              "registrations go before association figures, these before IEA")
for r in rows("autos/ev_sales.csv"):
    if r["measure"] in ("sales", "stock") and r["vehicle_class"] in ("car", "van", "bus", "truck") and r["powertrain"] in ("BEV", "PHEV", "FCEV") and r["value"]:
        offer(5, [r["iso3"], r["year"], r["vehicle_class"], r["powertrain"], r["measure"], num(r["value"])] + tail(r, r["year"]),
              "registrations go before association figures, these before IEA")
for r in rows("asean/brand_sales.csv"):
    if r["brand"] == "TOTAL" and r["powertrain"] == "BEV" and r["source"].startswith("Open-EV") and r["period"] == "full year" and r["iso3"] in ISO and r["units"]:
        offer(4, [r["iso3"], r["year"], "car", "BEV", "sales", num(r["units"])] + tail(r, r["year"], "registrations of cars, all brands"),
              "registrations go before association figures, these before IEA")
DENOMINATOR = {"THA": "all", "ISR": "all", "USA": "light_duty", "CAN": "light_duty", "MEX": "light_duty"}
write("plugin_share", ["iso3", "year", "share", "denominator"],
      [[r["iso3"], r["year"], num(r["value"]), DENOMINATOR.get(r["iso3"], "passenger")] + tail(r, r["year"])
       for r in rows("autos/ev_sales.csv") if r["measure"] == "sales_share" and r["vehicle_class"] == "car" and r["powertrain"] == "EV"], 2)

# Powertrain mix of new cars; HEV of the European series holds mild hybrids
MIX = {"HEV": "HEV", "HEV+MHEV": "HEV", "ICE-diesel": "ICE-diesel", "ICE-diesel (and gas)": "ICE-diesel", "ICE-gasoline": "ICE-gasoline",
       "ICE-gasoline+flex": "ICE-gasoline", "flex-fuel": "flex-fuel", "CNG": "CNG", "LPG": "CNG", "LPG, CNG, other": "CNG", "BEV": "BEV", "PHEV": "PHEV"}
mix = {}
for r in rows("autos/powertrain_mix.csv"):
    code = MIX.get(r["powertrain"])
    if not code or (r["iso3"] not in ISO and r["iso3"] != "EU27") or int(r["year"]) > BASE or not r["share"]:
        continue
    key = (r["iso3"], r["year"], code)
    note = r["note"] + (" (with mild hybrids)" if "MHEV" in r["powertrain"] else "")
    mix.setdefault(key, list(key) + [num(r["share"])] + tail(r, r["year"], note))

# Segments: words of the sources to six segments. "car_all" is split small and medium, "light_truck_all" SUV, pickup, van and MPV, by stated weights
WORDS = {"LCGC_small": {"small": 1}, "MPV": {"mpv": 1}, "MPV_and_other": {"mpv": 1}, "MPV_van": {"mpv": .5, "van": .5}, "PPV": {"suv": 1}, "SUV": {"suv": 1},
         "SUV_and_offroad": {"suv": 1}, "SUV_large": {"suv": 1}, "SUV_medium": {"suv": 1}, "SUV_small": {"suv": 1}, "car_all": {"small": .45, "medium": .55},
         "commercial": {"van": .6, "pickup": .4}, "compact": {"medium": 1}, "dual_purpose_SUV": {"suv": 1}, "hatch": {"small": 1}, "kei": {}, "kei_commercial": {"van": 1},
         "kei_passenger": {"small": 1}, "light_truck_all": {}, "lower_medium": {"medium": 1}, "luxury": {"medium": 1}, "medium": {"medium": 1}, "medium_C": {"medium": 1},
         "medium_D": {"medium": 1}, "mini": {"small": 1}, "minivan": {"mpv": 1}, "other": {"medium": .5, "van": .5}, "pickup": {"pickup": 1},
         "pickup_light_truck": {"pickup": .7, "van": .3}, "pickup_van": {"pickup": .5, "van": .5}, "sedan": {"medium": 1}, "sedan_hatch": {"medium": .5, "small": .5},
         "sedan_wagon": {"medium": 1}, "small": {"small": 1}, "small_A": {"small": 1}, "small_AB": {"small": 1}, "small_B": {"small": 1}, "small_hatch": {"small": 1},
         "small_hatch_sedan": {"small": 1}, "small_medium": {"small": .5, "medium": .5}, "small_sedan_hatch": {"small": 1}, "sport": {"medium": 1}, "supermini": {"small": 1},
         "upper_medium": {"medium": 1}, "van": {"van": 1}, "van_MPV": {"van": .6, "mpv": .4}, "van_utility": {"van": 1}}
CAR_SPLIT = {"USA": (.10, .90), "KOR": (.25, .75), "CHN": (.30, .70), "MEX": (.70, .30), "AUS": (.45, .55)}
groups = defaultdict(list)
for r in rows("autos/segments.csv"):
    if int(r["year"]) in (BASE - 1, BASE) and r["iso3"] in ISO:
        groups[r["iso3"], r["year"]].append(r)
segments = []
for (iso3, year), group in sorted(groups.items()):
    # Where a country has two lists of one year, the one with more segments is used.
    by_source = defaultdict(list)
    for r in group:
        by_source["%s/%s" % (r["source"], r["basis"])].append(r)
    group = max(by_source.values(), key=lambda rs: (len([r for r in rs if WORDS.get(r["segment"])]), rs[0]["basis"]))
    share = defaultdict(float)
    for r in group:
        weights = dict(WORDS.get(r["segment"], {}))
        if r["segment"] == "car_all" and iso3 in CAR_SPLIT:
            weights = dict(zip(("small", "medium"), CAR_SPLIT[iso3]))
        for s, w in weights.items():
            share[s] += w * float(r["share"])
    total = sum(share.values())
    if total < 0.8 or len(share) < 3:
        continue
    note = "words of the source mapped to six segments, heavy vehicles left out, scaled to one"
    last = 1.0
    keys = [s for s in ("small", "medium", "suv", "mpv", "pickup", "van") if share[s] > 0]
    for s in keys:
        value = round(share[s] / total, 4) if s != keys[-1] else round(last, 4)
        last -= value
        worst = "recalled" if any(r["basis"] == "recalled" for r in group) else "estimate"
        segments.append([iso3, year, s, repr(value), str(BASE), key_of(group[0]["source"]), worst, note])

# Origins of brands: the latest list of a country; lumps are shared out over the origins they name
LUMPS = {"EUR/USA/other": {"EUR": .85, "USA": .1, "other": .05}, "EUR+KOR+other": {"EUR": .6, "KOR": .3, "other": .1},
         "EUR+KOR+IND+other": {"EUR": .6, "KOR": .25, "IND": .1, "other": .05}, "not split": {"other": 1}}
origins = []
by_scope = defaultdict(list)
for r in rows("autos/groups_sales.csv"):
    if r["maker_group"] == "ALL" and r["scope"] in ISO and r["measure"] == "sales" and r["share"] and int(r["year"]) == BASE:
        by_scope[r["scope"]].append(r)
for scope, group in sorted(by_scope.items()):
    share = defaultdict(float)
    for r in group:
        for origin, weight in LUMPS.get(r["origin"], {r["origin"]: 1}).items():
            share[origin] += weight * float(r["share"])
    missing = 1 - sum(share.values())
    if scope == "VNM":  # VinFast and the association's other members are the rest
        share["ASEAN"] += missing * 0.55
        share["CHN"] += missing * 0.10
        share["EUR"] += missing * 0.35
    elif scope == "RUS":
        share["other"] += missing * 0.85
        share["EUR"] += missing * 0.15
    else:
        share["other"] += max(0.0, missing)
    total = sum(share.values())
    basis = "recalled" if any(r["basis"] == "recalled" for r in group) else "estimate" if any(r["basis"] == "estimate" for r in group) or missing > .05 else group[0]["basis"]
    note = "lumps of the source shared out; what is not listed is other"
    for origin, value in sorted(share.items()):
        if value > 0:
            origins.append([scope, str(BASE), "all", origin, repr(round(value / total, 6)), str(BASE), key_of(group[0]["source"]), basis_of(basis), note])
brand = defaultdict(lambda: defaultdict(float))
brand_source = {}
for r in rows("asean/brand_sales.csv"):
    if r["year"] == str(BASE) and r["powertrain"] == "BEV" and r["brand"] not in ("TOTAL", "SUBTOTAL") and r["maker_group"] != "SUBTOTAL" and r["period"] == "full year" and r["units"] and r["iso3"] in ISO:
        brand[r["iso3"]][r["origin"] if r["origin"] in ("JPN", "CHN", "KOR", "EUR", "USA", "ASEAN", "IND") else "other"] += float(r["units"])
        brand_source[r["iso3"]] = r
for iso3, counts in sorted(brand.items()):
    total = sum(counts.values())
    if len(counts) < 3 or counts["other"] > 0.25 * total:
        continue
    for origin, units in sorted(counts.items()):
        if units > 0:
            origins.append([iso3, str(BASE), "BEV", origin, repr(round(units / total, 6)), str(BASE), key_of(brand_source[iso3]["source"]), basis_of(brand_source[iso3]["basis"]), "brands of the country summed by origin of the badge"])
# Markets whose makers are known by and large only: per cent of sales by origin, from memory
RECALLED_ORIGINS = """
IRN other 80 CHN 18 KOR 2; UZB USA 88 CHN 7 KOR 5; KAZ KOR 30 USA 25 CHN 33 JPN 9 EUR 3; BLR CHN 75 other 20 EUR 5; TUR EUR 62 KOR 8 JPN 12 USA 9 CHN 6 other 3; TWN JPN 68 EUR 20 KOR 4 USA 4 CHN 2 other 2
PAK JPN 86 KOR 7 CHN 7; EGY JPN 22 KOR 25 CHN 25 EUR 20 USA 8; ZAF JPN 42 EUR 22 KOR 10 USA 9 CHN 9 IND 8; SAU JPN 40 KOR 24 CHN 15 USA 13 EUR 6 IND 2; ARE JPN 55 CHN 12 KOR 10 USA 10 EUR 13
KWT JPN 48 KOR 14 USA 14 CHN 13 EUR 11; QAT JPN 50 KOR 12 USA 13 CHN 11 EUR 14; OMN JPN 52 KOR 16 USA 10 CHN 12 EUR 10; BHR JPN 48 KOR 14 USA 12 CHN 14 EUR 12; IRQ KOR 35 JPN 25 CHN 25 other 10 USA 5
MAR EUR 75 KOR 12 JPN 7 CHN 2 USA 4; DZA EUR 60 CHN 25 KOR 10 JPN 5; CAN USA 36 JPN 38 KOR 14 EUR 12; ARG EUR 55 JPN 22 USA 17 CHN 3 KOR 3; CHL CHN 30 JPN 22 KOR 17 USA 13 EUR 16 IND 2
PER JPN 36 CHN 27 KOR 20 USA 6 EUR 9 IND 2; COL EUR 30 JPN 32 KOR 16 USA 12 CHN 10; ECU CHN 40 USA 18 JPN 18 KOR 17 EUR 7; SGP JPN 55 EUR 25 CHN 10 KOR 6 USA 4; NZL JPN 52 CHN 9 KOR 11 USA 16 EUR 12
HKG JPN 45 EUR 28 USA 18 CHN 7 KOR 2; POL EUR 58 JPN 21 KOR 13 USA 5 CHN 3; CZE EUR 66 KOR 16 JPN 10 USA 5 CHN 3; ROU EUR 65 KOR 13 JPN 11 USA 7 CHN 4
"""
for entry in RECALLED_ORIGINS.replace("\n", ";").split(";"):
    words = entry.split()
    if words and words[0] not in by_scope:
        assert sum(map(int, words[2::2])) == 100, entry
        for origin, per_cent in zip(words[1::2], words[2::2]):
            origins.append([words[0], str(BASE), "all", origin, repr(int(per_cent) / 100), str(BASE), "RECALLED_ORIGINS", "recalled", "order of magnitude from memory"])
used_sources["RECALLED_ORIGINS"] = "Shares of makers by origin in markets without brand data, from memory, unchecked"

# Makers: ownership groups as the sources give them; a group with badges of several origins makes one maker an origin
GENERIC = {"JPN": "Japan", "CHN": "China", "KOR": "Korea", "EUR": "Europe", "USA": "the United States", "ASEAN": "ASEAN", "IND": "India", "other": "other countries"}
CODE = {"Hyundai-Kia": "HyundaiKia", "Mercedes-Benz": "MercedesBenz", "Mitsubishi Motors": "Mitsubishi", "Tata JLR": "JLR", "Aston Martin": "AstonMartin",
        "Daimler Truck": "Fuso", "King Long": "KingLong"}
SPLIT = {("Geely", "EUR"): "VolvoCars", ("Stellantis", "USA"): "StellantisNA"}
NAME = {"HyundaiKia": "Hyundai Motor Group", "MercedesBenz": "Mercedes-Benz", "Mitsubishi": "Mitsubishi Motors", "JLR": "Tata and Jaguar Land Rover", "VolvoCars": "Volvo, Polestar, Lotus (Geely)",
        "StellantisNA": "Stellantis: Jeep, Ram, Dodge, Chrysler", "Stellantis": "Stellantis: European badges", "Toyota": "Toyota with Lexus, Daihatsu, Hino", "SAIC": "SAIC: MG, Wuling, Maxus", "GWM": "Great Wall Motor",
        "Geely": "Geely, Zeekr, smart", "Renault": "Renault and Dacia", "BMW": "BMW and Mini", "Hozon": "Hozon (Neta)", "Fuso": "Mitsubishi Fuso (Daimler Truck)", "KGM": "KG Mobility", "Volkswagen": "Volkswagen Group",
        "Mahindra": "Mahindra", "AvtoVAZ": "AvtoVAZ (Lada)", "BAIC": "BAIC with Foton", "GAC": "GAC with Aion", "NIO": "NIO", "AstonMartin": "Aston Martin", "KingLong": "King Long"}
# The sum of squared shares of a country's makers in their own world sales gives the number of equal firms behind its badge.
# Makers that are counted with the joint ventures of others (SAIC, FAW, Dongfeng, GAC, BAIC) are taken as the source gives them.
WORLD_ORIGIN = {"Stellantis": "EUR"}
world_makers = defaultdict(dict)
for r in rows("autos/groups_sales.csv"):
    if r["scope"] == "WLD" and r["year"] == str(BASE) and r["measure"] == "sales" and r["maker_group"] not in ("ALL", "TOTAL") and r["units"]:
        world_makers[WORLD_ORIGIN.get(r["maker_group"], r["origin"])][r["maker_group"]] = float(r["units"])


def maker_code(group, origin):
    """Code of the maker that a group and the origin of a badge make; the generic one where the source does not tell makers apart."""
    if group in ("other", "SUBTOTAL", "ALL") or group.startswith("other "):
        return origin if origin in GENERIC else "other"
    return SPLIT.get((group, origin)) or CODE.get(group) or group.replace(" ", "")


# Share of trucks and buses in a maker's sales where its trucks are counted with its cars: the start of the division of heavy vehicles, own judgement
TRUCKS = {"Isuzu": .1, "JPN": .3, "EUR": .2, "CHN": .2, "IND": .2, "USA": .05, "other": .3, "ASEAN": .3, "KOR": .05, "HyundaiKia": .04, "BAIC": .5, "JAC": .5, "Dongfeng": .4, "FAW": .6,
          "Fuso": 1, "KingLong": 1, "Thaco": 1}
makers = {}
for r in list(rows("asean/brand_sales.csv")) + [{"maker_group": g, "origin": o} for g, o in
                                                (("Mahindra", "IND"), ("KGM", "KOR"), ("AvtoVAZ", "other"), ("GM", "USA"), ("Changan", "CHN"))]:
    if r["maker_group"] in ("TOTAL", "SUBTOTAL", "GWM+Hozon"):
        continue
    code = maker_code(r["maker_group"], r["origin"])
    if code not in GENERIC:
        makers[code] = [code, NAME.get(code, r["maker_group"]), r["origin"] if r["origin"] in GENERIC else "other",
                        {"VolvoCars": "Geely", "StellantisNA": "Stellantis"}.get(code, code), "1", repr(TRUCKS.get(code, 0)), "2023", "KYOSO_MAKERS", "literature", "badges by owner"]
for origin, place in GENERIC.items():
    units = world_makers.get(origin, {})
    total = sum(units.values())
    firms = 1 / sum((u / total) ** 2 for u in units.values()) if units else 1.0
    few = len(units) < 3
    makers[origin] = [origin, "makers of %s not told apart" % place, origin, origin, repr(round(max(firms, 3.0) if few else firms, 2)), repr(TRUCKS[origin]), "2023", "KYOSO_MAKERS", "estimate",
                      "three equal firms: no world sales by maker" if few else "inverse Herfindahl index of world sales by maker of %d makers" % len(units)]
used_sources["KYOSO_BRANDS"] = "Own rules that divide rows of several brands or a rest; each row says which"
used_sources["KYOSO_MAKERS"] = "Ownership of badges as of 2023, general knowledge; number of equal firms from world sales by maker (WIKI_MAKERS, recalled rows)"
write("makers", ["code", "name", "origin", "group", "firms", "truck_share"], list(makers.values()), 1)

# Sales by brand: full years, one source a country and year. `scope` is what the source counts: cars, light vehicles (with vans
# and pickups), all four-wheelers, or heavy (brands of trucks alone). TOTAL rows are the market of the source.
COLUMNS = ["iso3", "year", "maker", "brand", "powertrain", "scope", "units"]
HEAVY_BRANDS = {"Hino", "Fuso", "Mitsubishi Fuso", "Thaco truck", "King Long Xiamen", "Higer"}
LISTED = {"JPN": "all", "KOR": "all", "IND": "cars", "USA": "light"}  # markets with makers' lists in place of brands
brand_rows = {}


def brand(iso3, year, maker, name, powertrain, scope, units, end):
    key = (iso3, str(year), maker, name, powertrain)
    if units > 0:
        brand_rows.setdefault(key, list(key) + [scope, num(str(round(units)))] + end)


def recorded(r):
    """Rows that are used as they stand; the reasons why others are not stand beside the condition."""
    return (r["period"] == "full year" and r["units"] and r["iso3"] in ISO
            and r["maker_group"] not in ("SUBTOTAL", "GWM+Hozon")  # overlap brands
            and not (r["iso3"] == "MYS")                            # used imports inside: below
            and not (r["iso3"] == "IDN" and r["measure"] != "wholesale")
            and r["brand"] != "Other BEV brands"                     # several origins in one row
            and not (r["brand"] == "TOTAL" and ("second count" in r["note"] or "wider coverage" in r["note"]))
            and not (r["iso3"] == "VNM" and r["brand"] == "TOTAL" and r["year"] == "2023")  # leaves makers out
            and not (r["iso3"] == "VNM" and r["brand"] == "VinFast" and r["year"] == "2023")
            and not (r["iso3"] in LISTED and r["brand"] == "TOTAL" and r["powertrain"] == "all"))  # makers' lists have their own


for r in rows("asean/brand_sales.csv"):
    if recorded(r):
        scope = "heavy" if r["brand"] in HEAVY_BRANDS else "cars" if r["source"].startswith("Open-EV") and r["iso3"] != "AUS" or r["powertrain"] != "all" else "all"
        maker = "ALL" if r["brand"] == "TOTAL" else maker_code(r["maker_group"], r["origin"])
        brand(r["iso3"], r["year"], maker, r["brand"].replace("Other Japanese (Nissan, Suzuki, Hino, others)", "other Japanese"), r["powertrain"], scope, float(r["units"]), tail(r, r["year"]))
own = {"source": "KYOSO_BRANDS", "basis": "estimate"}
# Thailand 2023: two makers in one row, of which Neta is told by its battery-electric registrations (it sells nothing else); Tesla and Chinese makers beyond the four named
thai = {(r["brand"], r["powertrain"]): float(r["units"]) for r in rows("asean/brand_sales.csv") if r["iso3"] == "THA" and r["year"] == "2023" and r["period"] == "full year" and r["units"]}
neta, pair = thai["Neta", "BEV"], thai["GWM+Neta", "all"]
brand("THA", 2023, "Hozon", "Neta", "all", "all", neta, tail(own, 2023, "sells battery-electric cars alone"))
brand("THA", 2023, "GWM", "GWM", "all", "all", pair - neta, tail(own, 2023, "GWM and Neta together (derived from a share of 7.4 %) less Neta"))
brand("THA", 2023, "Tesla", "Tesla", "all", "all", thai["Tesla", "BEV"], tail(own, 2023, "sells battery-electric cars alone"))
brand("THA", 2023, "CHN", "other Chinese", "all", "all", thai["Chinese brands", "all"] - thai["BYD", "all"] - thai["MG", "all"] - pair,
      tail(own, 2023, "Chinese share of 11 % less the makers named; the share is given to whole percent, +-3900"))
brand("THA", 2023, "CHN", "other Chinese", "BEV", "cars", thai["Chinese brands", "all"] - thai["BYD", "all"] - thai["MG", "all"] - pair,
      tail(own, 2023, "Aion and Deepal, which sell battery-electric cars alone"))
# Vietnam 2023: VinFast's deliveries of the year are of the world; the IEA counts its cars at home
brand("VNM", 2023, "VinFast", "VinFast", "all", "all", 32000, tail(own, 2023, "IEA's battery-electric sales in Vietnam, nearly all VinFast; 34855 deliveries in the world"))
brand("VNM", 2023, "VinFast", "VinFast", "BEV", "cars", 32000, tail(own, 2023, "IEA's battery-electric sales in Vietnam, nearly all VinFast"))
# Singapore 2023: one maker named
brand("SGP", 2023, "BYD", "BYD", "all", "cars", 1416, tail(own, 2023, "its battery-electric registrations; it sells nothing else there"))
brand("SGP", 2023, "ALL", "TOTAL", "all", "cars", 30225, tail(own, 2023, "cars registered, of which 18.1 % battery-electric"))
# The Philippines 2023: brands beyond the five named share the rest as in 2022
listed = {(r["year"], r["brand"]): r for r in rows("asean/brand_sales.csv") if r["iso3"] == "PHL" and r["powertrain"] == "all" and r["units"] and r["period"] == "full year" and "wider" not in r["note"]}
named = sum(float(r["units"]) for (year, b), r in listed.items() if year == "2023" and b != "TOTAL")
old = {b: r for (year, b), r in listed.items() if year == "2022" and b != "TOTAL" and ("2023", b) not in listed}
rest = (float(listed["2023", "TOTAL"]["units"]) - named) / sum(float(r["units"]) for r in old.values())
for b, r in old.items():
    brand("PHL", 2023, maker_code(r["maker_group"], r["origin"]), b, "all", "heavy" if b in HEAVY_BRANDS else "all", float(r["units"]) * rest,
          tail(own, 2023, "the rest of the market, shared as in 2022"))
# China 2023: Tesla sells battery-electric cars alone; BYD's world sales less what is recorded abroad
china = {r["brand"]: float(r["units"]) for r in rows("asean/brand_sales.csv") if r["iso3"] == "CHN" and r["year"] == "2023" and r["powertrain"] == "BEV"}
abroad = sum(float(r["units"]) for r in rows("asean/brand_sales.csv") if r["brand"] == "BYD" and r["year"] == "2023" and r["powertrain"] == "all" and r["period"] == "full year")
brand("CHN", 2023, "Tesla", "Tesla", "all", "cars", china["Tesla"], tail(own, 2023, "sells battery-electric cars alone"))
brand("CHN", 2023, "BYD", "BYD", "all", "cars", world_makers["CHN"]["BYD"] - abroad, tail(own, 2023, "world sales less those recorded in other countries of this table"))
# The monthly lists of China name the first brands of each month: others are lower bounds and left out for the fit
for key in [k for k in brand_rows if k[0] == "CHN" and k[4] == "BEV" and k[3] not in ("TOTAL", "Tesla", "BYD")]:
    del brand_rows[key]
# Markets of makers' lists: Japan, Korea, India, the United States
GROUP = {"Daihatsu": "Toyota", "Genesis": "Hyundai-Kia", "Hyundai": "Hyundai-Kia", "Kia": "Hyundai-Kia", "GM Korea": "GM", "KG Mobility": "KGM", "Renault Korea": "Renault", "MG": "SAIC",
         "Tata": "Tata JLR", "JLR": "Tata JLR", "Volkswagen-Skoda": "Volkswagen", "Mitsubishi": "Mitsubishi Motors", "Volvo": "Geely"}
for r in rows("autos/groups_sales.csv"):
    scope, group = r["scope"], r["maker_group"]
    if scope not in LISTED or int(r["year"]) > BASE or r["measure"] != "sales" or group == "ALL" or not r["units"] or "foreign" in group:
        continue
    if group.startswith("other Japanese"):
        brand(scope, r["year"], "JPN", "other Japanese", "all", "heavy", float(r["units"]), tail(r, r["year"]))
    elif group == "TOTAL":
        brand(scope, r["year"], "ALL", "TOTAL", "all", LISTED[scope], float(r["units"]), tail(r, r["year"]))
    else:
        origin = "IND" if GROUP.get(group) == "Tata JLR" else r["origin"]
        brand(scope, r["year"], maker_code(GROUP.get(group, group), origin), group, "all", LISTED[scope], float(r["units"]), tail(r, r["year"]))

# Brands beyond the lists: Indonesia's from the part of 2022 that names them, the rest between Japan (Nissan, Mazda, Lexus, UD) and Europe; Korea's imports by origin
part = {r["brand"]: float(r["units"]) * 12 / 10 for r in rows("asean/brand_sales.csv") if r["iso3"] == "IDN" and r["year"] == "2022" and r["period"] == "Jan-Oct" and r["powertrain"] == "all" and r["brand"] in ("DFSK", "Kia", "FAW")}
mg = next(float(r["units"]) * 12 / 10 for r in rows("asean/brand_sales.csv") if r["iso3"] == "IDN" and r["year"] == "2022" and r["period"] == "Jan-Oct" and r["brand"] == "MG")


def beyond(iso3):
    listed_units = {key: float(row[6]) for key, row in brand_rows.items() if key[0] == iso3 and key[1] == str(BASE) and key[4] == "all"}
    total = next(u for key, u in listed_units.items() if key[2] == "ALL")
    return total - sum(u for key, u in listed_units.items() if key[2] != "ALL")


left, as_before = beyond("IDN"), tail(own, 2023, "as in January to October 2022, a year of twelve months")
for maker, name, units in (("Dongfeng", "DFSK", part["DFSK"]), ("HyundaiKia", "Kia", part["Kia"]), ("FAW", "FAW", part["FAW"]), ("SAIC", "MG", mg)):
    brand("IDN", 2023, maker, name, "all", "all", units, as_before)
left = beyond("IDN")
for maker, name, share in (("JPN", "other Japanese", .5), ("EUR", "other European", .35), ("CHN", "other Chinese", .15)):
    brand("IDN", 2023, maker, name, "all", "all", left * share, tail(own, 2023, "what the list leaves, divided by judgement"))
left = beyond("KOR")
for maker, name, share in (("EUR", "other European", .65), ("USA", "other American", .17), ("JPN", "Japanese", .17), ("CHN", "Chinese", .01)):
    brand("KOR", 2023, maker, name, "all", "all", left * share, tail(own, 2023, "what the list leaves (imports), divided by judgement"))

# Malaysia: the register counts used imports. New sales are the association's total; what the register holds beyond it is taken out
# of models that come mostly second-hand from Japan and Britain, in proportion to their registrations.
PARALLEL_MAKERS = {"Lexus", "Porsche", "Daihatsu", "Land Rover", "Jaguar", "Rolls-Royce", "Bentley", "Lamborghini"}
PARALLEL_MODELS = {"Alphard", "Vellfire", "Harrier", "Voxy", "Estima", "Noah", "Tank", "N-Box", "STEPWGN", "Odyssey", "Land Cruiser", "Land Cruiser Prado", "Crown", "86", "Supra", "Jimny", "Jimny Sierra"}
SMALL = {"Bezza", "Axia", "Myvi", "Saga", "Persona", "Iriz", "City", "Jazz", "Vios", "Yaris", "Almera", "2", "Swift", "N-Box", "Tank", "Cooper", "Polo", "Picanto", "Rio", "i10", "Brabus", "Ora", "208", "Dolphin", "Brio", "Mirage", "Attrage", "Viva", "Kancil"}
CROSSOVER = {"HR-V", "WR-V", "CX-30", "CX-3", "GLA", "UX", "Countryman", "Model Y"}
MINIVAN = {"Alphard", "Vellfire", "Serena", "Voxy", "Estima", "STEPWGN", "Noah", "Odyssey", "Carnival", "Staria", "Grand Starex", "G10", "Vito", "V-Class", "Elgrand"}
FUEL = {"ICE petrol": "ICE-gasoline", "ICE diesel": "ICE-diesel", "HEV+PHEV": "HEV+PHEV", "HEV": "HEV", "PHEV": "PHEV", "BEV": "BEV", "MHEV": "HEV", "ICE+HEV": "ICE"}


def malaysian_segment(model, body):
    if model in SMALL:
        return "small"
    if model in CROSSOVER or body == "SUV":
        return "suv"
    return "mpv" if model in MINIVAN or body == "MPV" else {"pickup": "pickup", "van": "van"}.get(body, "medium")


def rate_of(currency, year):
    return next(float(r["value"]) for r in rows("macro/deflator.csv") if r["currency"] == currency and int(r["year"]) == year and ("exchange" in r["series"] or "fx" in r["series"].lower()))


association = {r["year"]: float(r["units"]) for r in rows("asean/brand_sales.csv") if r["iso3"] == "MYS" and r["brand"] == "TOTAL" and r["measure"] == "sales" and r["period"] == "full year"}
register = {(r["year"], r["brand"]): r for r in rows("asean/brand_sales.csv") if r["iso3"] == "MYS" and r["powertrain"] == "all" and r["measure"] == "registrations" and r["period"] == "full year"}
models, model_rows, cells = [], [r for r in rows("asean/models_malaysia.csv")], defaultdict(float)
for year in sorted({r["year"] for r in model_rows}):
    used = float(register[year, "TOTAL"]["units"]) - association[year]
    parallel = [r for r in model_rows if r["year"] == year and (r["maker"] in PARALLEL_MAKERS or r["model"] in PARALLEL_MODELS)]
    cut = min(1.0, used / sum(float(r["units"]) for r in parallel))
    new_by_brand = {b: float(r["units"]) for (y, b), r in register.items() if y == year and b != "TOTAL"}
    for r in model_rows:
        if r["year"] != year:
            continue
        share = 1 - cut if r in parallel else 1
        new = round(float(r["units"]) * share)
        new_by_brand[r["maker"]] -= float(r["units"]) - new
        power = FUEL[r["powertrain"]]
        segment = malaysian_segment(r["model"], r["body"])
        cells[year, maker_code(r["maker_group"], r["origin"]), r["maker"], power] += new
        note = "%s registered, used imports among them" % r["units"] if share < 1 else ""
        if new > 0:
            models.append(["MYS", year, maker_code(r["maker_group"], r["origin"]), r["maker"], r["model"], segment, power, str(new), "", "", year, key_of(r["source"]), "estimate" if share < 1 else "measured", note])
    for b, units in new_by_brand.items():
        r = register[year, b]
        brand("MYS", year, maker_code(r["maker_group"], r["origin"]), b, "all", "light", units, tail(r, year, "" if units == float(r["units"]) else "%s registered, used imports among them" % r["units"]))
    brand("MYS", year, "ALL", "TOTAL", "all", "light", association[year], [year, "MAA", "measured", "%s registered, used imports among them" % register[year, "TOTAL"]["units"]])
    for (y, maker, b, power), units in cells.items():
        if y == year and power in ("BEV", "HEV+PHEV"):
            brand("MYS", year, maker, b, power, "light", units, [year, key_of(model_rows[0]["source"]), "estimate", "models of at least 20 registrations"])
    for power in ("BEV", "HEV+PHEV"):
        brand("MYS", year, "ALL", "TOTAL", power, "light", sum(u for (y, _, _, p), u in cells.items() if y == year and p == power),
              [year, key_of(model_rows[0]["source"]), "estimate", "models of at least 20 registrations"])
write("brand_sales", COLUMNS, list(brand_rows.values()), 5)

# Earlier years of origins: countries and years whose list of brands is complete, summed by origin of the badge
BADGE = {row[0]: row[2] for row in makers.values()}
listed_brands = defaultdict(dict)
for (iso3, year, maker, name, power), row in brand_rows.items():
    listed_brands[iso3, int(year), power].setdefault(maker, 0.0)
    listed_brands[iso3, int(year), power][maker] += float(row[6])
complete = {key for key, units in listed_brands.items() if "ALL" in units and sum(units.values()) - units["ALL"] > .97 * units["ALL"]}
for iso3, year, power in sorted(complete):
    if year >= BASE or power not in ("all", "BEV"):
        continue
    units = {m: u for m, u in listed_brands[iso3, year, power].items() if m != "ALL"}
    share, total = defaultdict(float), sum(units.values())
    for m, u in units.items():
        share[BADGE[m]] += u / total
    first = next(row for key, row in brand_rows.items() if key[0] == iso3 and key[1] == str(year) and key[4] == power and key[2] != "ALL")
    if share["other"] < .25:
        for origin, value in sorted(share.items()):
            origins.append([iso3, str(year), power, origin, repr(round(value, 6)), str(year), first[-3], "estimate", "brands of the country summed by origin of the badge"])
# Thailand 2022 by origin alone
for r in rows("autos/groups_sales.csv"):
    if r["scope"] == "THA" and r["year"] == "2022" and r["maker_group"] == "ALL":
        origins.append(["THA", "2022", "all", r["origin"], num(r["share"]), "2022", key_of(r["source"]), basis_of(r["basis"]), "what is not listed is other"])
write("origins", ["iso3", "year", "powertrain", "origin", "share"], origins, 4)

# Entry: events over maker-years at risk where lists of brands of two following years are complete.
# Launch: a maker present (100 vehicles the year before) whose battery-electric sales rise above 10 vehicles and 0.2 % of its sales.
# Arrival: a Chinese maker that sells 100 vehicles or more in some country abroad comes to sell 20 in a country where it sold fewer.
# Ranges are 95 % of a Poisson count (square-root rule); lists that lump small brands hide some events, so hazards are a little low.
launches, arrivals, growth = defaultdict(lambda: [0, 0]), [0, 0], []
known_abroad = {year: {m for (iso3, y, power), units in listed_brands.items() if power == "all" and y <= year and iso3 != "CHN" for m, u in units.items() if u >= 100 and BADGE.get(m) == "CHN" and m != "CHN"}
                for year in range(2018, BASE + 1)}
for iso3, year, power in sorted(complete):
    before = (iso3, year - 1, "all")
    if power != "all" or before not in complete:
        continue
    now, old = listed_brands[iso3, year, "all"], listed_brands[before]
    for m in known_abroad[year]:
        if old.get(m, 0) < 20:
            arrivals[0] += now.get(m, 0) >= 20
            arrivals[1] += 1
    if (iso3, year, "BEV") in complete and (iso3, year - 1, "BEV") in complete:
        electric, old_electric = listed_brands[iso3, year, "BEV"], listed_brands[iso3, year - 1, "BEV"]
        for m, units in old.items():
            if m != "ALL" and m not in GENERIC and units >= 100 and old_electric.get(m, 0) < max(10, .002 * units):
                event = electric.get(m, 0) >= max(10, .002 * now.get(m, 0))
                for group in (BADGE[m], "other"):
                    launches[group][0] += event
                    launches[group][1] += 1
                later = listed_brands.get((iso3, year + 2, "BEV"), {})
                if event and later.get(m, 0) > 0:
                    growth.append(math.log(electric[m] / electric["ALL"] / (later[m] / later["ALL"])))


def hazard(path, events, exposure, what):
    low, high = max(0.0, events ** .5 - .98) ** 2 / exposure, ((events + 1) ** .5 + .98) ** 2 / exposure
    return [path, repr(round(events / exposure, 4)), "1/year", repr(round(low, 4)), repr(round(min(1.0, high), 4)), str(BASE), "KYOSO_ENTRY", "estimate", f"{what}: {events} events in {exposure} maker-years"]


growth.sort()
middle = min(0.0, growth[len(growth) // 2])
entry = [hazard(f"entry.bev_launch.{origin}", *launches[origin], "a maker present brings battery-electric cars" + (", all origins" if origin == "other" else ""))
         for origin in sorted(launches) if launches[origin][1] >= 10]
entry.append(hazard("entry.arrival.CHN", *arrivals, "a Chinese maker known abroad comes to a further country"))
entry.append(["entry.chinese_pace", "1", "factor", "0.3", "3", str(BASE), "KYOSO_ENTRY", "estimate", "pace of Chinese makers abroad over that of the record"])
entry.append(["entry.first_year_discount", repr(round(middle, 3)), "log-odds", repr(round(min(0.0, growth[len(growth) // 10]), 3)), "0", str(BASE), "KYOSO_ENTRY", "estimate",
              f"median log of a launch's share of battery-electric sales in its first year over that two years later, {len(growth)} launches"])
used_sources["KYOSO_ENTRY"] = "Events over maker-years in the complete lists of brand_sales; data/make/import.py computes them"
path = os.path.join(PACK, "record", "parameters.csv")
with open(path, encoding="utf-8", newline="") as f:
    head, *body = list(csv.reader(f))
with open(path, "w", encoding="utf-8", newline="") as f:
    w = csv.writer(f, lineterminator="\n")
    w.writerow(head)
    w.writerows(sorted([row for row in body if not row[0].startswith("entry.")] + entry))

# Models: Malaysia complete, Indonesia the best sellers, Thailand what is on sale with list prices
INDONESIAN = {"MPV": "mpv", "SUV": "suv", "small car": "small", "medium car": "medium", "pickup": "pickup", "van": "van"}
for r in rows("asean/models_indonesia.csv"):
    units = float(r["units"]) - (27750 if r["powertrain"] == "ICE+HEV" else 0)  # the hybrid has a row of its own
    models.append(["IDN", r["year"], maker_code(r["maker_group"], r["origin"]), r["brand"], r["model"], INDONESIAN[r["segment"]], FUEL[r["powertrain"]], num(str(units)), "", ""] + tail(r, r["year"]))
baht = rate_of("THB", BASE)
for r in rows("asean/models_thailand.csv"):
    if r["price_date"][:4] > str(BASE) and "launch" in r["price_basis"] or r["model"] == "Xpander HEV":
        continue  # not on sale in the base year
    low, high = float(r["price_min_thb"]), float(r["price_max_thb"])
    basis = "literature" if r["price_basis"].startswith("reported") else "recalled"
    models.append(["THA", str(BASE), maker_code(r["maker_group"], r["origin"]), r["brand"], r["model"], INDONESIAN[r["segment"]], FUEL[r["powertrain"]], num(r["units_2023"]),
                   repr(round((low + high) / 2 / baht)), num(r["battery_kwh"]) if r["powertrain"] == "BEV" else ""] + tail({**r, "basis": basis}, BASE, "middle of the list of prices"))
merged = {}
for row in models:  # a model that the source gives under two bodies is one row
    old = merged.setdefault(tuple(row[:7]), row)
    if old is not row:
        old[7] = str(int(old[7]) + int(row[7]))
models = list(merged.values())
write("models", ["iso3", "year", "maker", "brand", "model", "segment", "powertrain", "units", "price_usd2023", "battery_kwh"], models, 7)

for year in sorted({row[1] for row in models if row[0] == "MYS"}):
    sold = sum(int(row[7]) for row in models if row[:2] == ["MYS", year] and row[6] == "BEV")
    offer(-1, ["MYS", year, "car", "BEV", "sales", str(sold), year, key_of(model_rows[0]["source"]), "estimate", "registrations by model less used imports"], "used imports are in it")
write("electrified", ["iso3", "year", "vehicle_class", "powertrain", "measure", "units"], [row for _, row in electrified.values()], 5)
write("electrified_superseded", ["iso3", "year", "vehicle_class", "powertrain", "measure", "units", "why"], list(electrified_out.values()), 6)

# What the models tell of Malaysia as a whole: segments and powertrains
for year in sorted({row[1] for row in models if row[0] == "MYS"}):
    sold = [row for row in models if row[:2] == ["MYS", year]]
    total = sum(int(row[7]) for row in sold)
    plug_in = float(electrified["MYS", year, "car", "PHEV", "sales"][1][5]) if ("MYS", year, "car", "PHEV", "sales") in electrified else 0.0
    source = key_of(model_rows[0]["source"])
    for power in ("ICE-gasoline", "ICE-diesel", "HEV", "BEV"):
        units = sum(int(row[7]) for row in sold if row[6] == power or power == "HEV" and row[6] == "HEV+PHEV") - (plug_in if power == "HEV" else 0)
        mix["MYS", year, power] = ["MYS", year, power, repr(round(units / total, 6)), year, source, "estimate",
                                   "registrations by model less used imports" + (", less plug-in hybrids of the IEA" if power == "HEV" else "")]
    if year == str(BASE):
        segments = [row for row in segments if row[0] != "MYS"]
        last, keys = 1.0, ("medium", "mpv", "pickup", "small", "suv", "van")
        for segment in keys:
            value = round(last, 6) if segment == keys[-1] else round(sum(int(row[7]) for row in sold if row[5] == segment) / total, 6)
            last -= value
            segments.append(["MYS", year, segment, repr(value), year, source, "estimate", "registrations by model less used imports; small and medium cars told by model"])
write("powertrain_mix", ["iso3", "year", "powertrain", "share"], list(mix.values()), 3)
write("segments", ["iso3", "year", "segment", "share"], segments, 3)

# Technology: the compact defaults
SEGMENT = {"city_car": "small", "sedan": "medium", "suv": "suv", "van_mpv": "mpv", "pickup": "pickup", "van": "van", "all": "all"}
POWER = {"ICE-G": "ICE-gasoline", "ICE-D": "ICE-diesel", "FLEX": "flex-fuel"}
PARAM = {"default_energy_use_real_world": "energy_mj_per_km", "default_fuel_use_real_world": "fuel_mj_per_km", "default_electricity_use_real_world": "electricity_mj_per_km",
         "default_curb_mass": "curb_mass_kg", "default_battery_capacity": "battery_kwh", "default_motor_power": "motor_kw", "default_cost_glider": "cost_glider_usd",
         "default_cost_powertrain": "cost_powertrain_usd", "default_cost_hybrid_adder": "cost_hybrid_adder_usd", "default_cost_edrive_per_kw": "cost_edrive_usd_per_kw",
         "default_cost_fuel_cell_system_per_kw": "cost_fuel_cell_usd_per_kw", "default_markup_oem_and_dealer": "markup"}
tech = {}
for r in rows("tech/vehicle_tech.csv"):
    name = PARAM.get(r["parameter"])
    if name:
        key = (SEGMENT[r["segment"]], POWER.get(r["powertrain"], r["powertrain"]), name, r["year"] or str(BASE))
        tech[key] = list(key) + [num(r["value"]), r["unit"]] + tail(r, BASE)
write("vehicle_tech", ["segment", "powertrain", "parameter", "year", "value", "unit"], list(tech.values()), 4)
size = {}
for r in rows("tech/vehicle_tech.csv"):
    iso3 = NAMES.get(r["region"].lower())
    if r["parameter"] == "battery_capacity_sales_average" and iso3 in ISO and r["year"] and int(r["year"]) <= BASE and r["powertrain"] == "BEV":
        size.setdefault((iso3, r["year"]), [iso3, r["year"], num(r["value"])] + tail(r, r["year"]))
write("battery_size", ["iso3", "year", "battery_kwh"], list(size.values()), 2)

# Batteries
pack = {}
for r in rows("tech/battery.csv"):
    if r["item"] == "pack_price_all_segments" and r["region"] == "World" and int(r["year"]) <= BASE:
        money = re.match(r"USD(\d{4})", r["unit"])
        year = int(money.group(1)) if money else BASE
        value = float(r["value"]) / deflator[min(year, BASE)]
        # The latest survey of a year's price is the one to use.
        if r["year"] not in pack or year > pack[r["year"]][0]:
            pack[r["year"]] = (year, [r["year"], repr(round(value, 1))] + tail(r, r["year"]))
write("battery_price", ["year", "price_usd2023_per_kwh"], [row for _, row in pack.values()], 1)
volume = []
for r in rows("tech/battery.csv"):
    if r["region"] == "World" and int(r["year"] or 0) <= BASE and r["item"] == "bev_car_battery_demand":
        volume.append([r["year"], "light", num(r["value"])] + tail(r, r["year"]))
    if r["region"] == "World" and r["item"] == "ev_battery_demand" and r["year"] == str(BASE):
        volume.append([r["year"], "all_vehicles", num(r["value"])] + tail(r, r["year"]))
own = {"source": "KYOSO_BATTERY", "basis": "recalled", "note": "order of magnitude; all vehicles less battery-electric cars leaves the first"}
volume.append(["2023", "heavy", "90"] + tail(own, 2023))
volume.append(["2023", "two_wheelers", "25"] + tail(own, 2023))
volume.append(["2023", "storage", "185"] + tail(own, 2023))
write("battery_volume", ["year", "application", "gwh"], volume, 2)
chem = {}
for r in rows("tech/battery.csv"):
    if "share" in r["item"] and r["year"] and int(r["year"]) <= BASE and r["chemistry"]:
        key = (r["region"], r["year"], r["item"], r["chemistry"])
        chem.setdefault(key, list(key) + [num(r["value"])] + tail(r, r["year"]))
write("battery_chemistry", ["region", "year", "item", "chemistry", "share"], list(chem.values()), 4)

# Fuels and blends
fuels = {}
for r in rows("tech/fuels.csv"):
    if r["parameter"] in ("lhv_mass", "density", "lhv_volume", "tailpipe_co2", "well_to_tank_ghg", "well_to_tank_ghg_mass", "land_use_change_ghg", "well_to_wheel_ghg"):
        key = (r["fuel"], r["pathway"], r["region"], r["parameter"], r["year"] or str(BASE))
        fuels.setdefault(key, list(key) + [num(r["value"]), r["unit"]] + tail(r, min(int(r["year"] or BASE), BASE)))
write("fuels", ["fuel", "pathway", "region", "parameter", "year", "value", "unit"], list(fuels.values()), 5)
# History alone: after the base year blends move with the mandates among the rules.
blend = {("BRA", "ethanol", "2000"): .25, ("BRA", "ethanol", "2015"): .27, ("BRA", "biodiesel", "2008"): .03, ("BRA", "biodiesel", "2019"): .11, ("BRA", "biodiesel", "2023"): .12,
         ("USA", "ethanol", "2010"): .09, ("USA", "ethanol", "2014"): .10, ("EU27", "ethanol", "2010"): .03, ("EU27", "ethanol", "2020"): .06, ("EU27", "biodiesel", "2010"): .05, ("EU27", "biodiesel", "2020"): .07,
         ("IND", "ethanol", "2015"): .02, ("IND", "ethanol", "2022"): .10, ("IND", "ethanol", "2023"): .12, ("THA", "ethanol", "2008"): .08, ("THA", "ethanol", "2015"): .13, ("THA", "biodiesel", "2012"): .05, ("THA", "biodiesel", "2020"): .07,
         ("IDN", "biodiesel", "2013"): .10, ("IDN", "biodiesel", "2016"): .20, ("IDN", "biodiesel", "2020"): .30, ("IDN", "biodiesel", "2023"): .35,
         ("MYS", "biodiesel", "2015"): .07, ("MYS", "biodiesel", "2020"): .10, ("PHL", "ethanol", "2012"): .10, ("PHL", "biodiesel", "2009"): .02, ("VNM", "ethanol", "2018"): .02,
         ("CAN", "ethanol", "2011"): .05, ("CHN", "ethanol", "2010"): .02, ("ARG", "ethanol", "2016"): .12, ("ARG", "biodiesel", "2014"): .10, ("COL", "ethanol", "2010"): .08, ("COL", "biodiesel", "2010"): .10, ("GBR", "ethanol", "2021"): .08, ("GBR", "biodiesel", "2015"): .05}
write("blends", ["iso3", "fuel", "year", "share", "announced"],
      [[c, f, y, repr(v), y, y, "RECALLED_BLENDS", "recalled", "effective volume share, nationwide"] for (c, f, y), v in blend.items()], 3)
used_sources["RECALLED_BLENDS"] = "National blend mandates and actual blends, from memory, unchecked"

# Survival: both parameters of the newest study with a plausible shape (1.5 to 6)
found = defaultdict(dict)
for r in rows("tech/survival.csv"):
    region = NAMES.get(r["region"].lower(), "")
    cls = {"passenger_car": "light", "private_passenger": "light"}.get(r["vehicle_class"])
    if region and cls and r["parameter"] in ("weibull_scale", "weibull_shape"):
        found[region, cls, r["year"], r["basis"]][r["parameter"]] = r
survival = {}
for (region, cls, year, _), pair in sorted(found.items(), key=lambda item: item[0][2]):
    if len(pair) == 2 and 1.5 <= float(pair["weibull_shape"]["value"]) <= 6 and region in ISO | {"Oceania", "Middle East"}:
        survival[region, cls] = [region, cls, num(pair["weibull_scale"]["value"]), num(pair["weibull_shape"]["value"])] + tail(pair["weibull_scale"], year)
survival["WLD", "light"] = ["WLD", "light", "19", "3.5", "2020", "KYOSO_SURVIVAL", "estimate", "where no study covers a country"]
survival["WLD", "heavy"] = ["WLD", "heavy", "19", "3.5", "2020", "KYOSO_SURVIVAL", "estimate", "between medium and heavy trucks (20.5, 19.5) and buses (18.5)"]
used_sources["KYOSO_SURVIVAL"] = "Own choice between the studies of the survival table"
write("survival", ["region", "vehicle_class", "scale_years", "shape"], list(survival.values()), 2)
km = {}
for r in rows("autos/km.csv"):
    if r["vehicle_class"] == "passenger" and r["iso3"] in ISO:
        key = (r["iso3"], "light")
        if key not in km or int(r["year"] or 0) > int(km[key][0]):
            km[key] = (r["year"] or 0, list(key) + [num(r["value"])] + tail(r, r["year"] or BASE))
write("annual_km", ["iso3", "vehicle_class", "km"], [row for _, row in km.values()], 2)
write("fleet_age", ["iso3", "year", "vehicle_class", "average_age_years"],
      first_of([[r["iso3"], r["year"], r["vehicle_class"], num(r["average_age_years"])] + tail(r, r["year"])
                for r in rows("autos/fleet_age.csv") if int(r["year"]) <= BASE and r["iso3"] in ISO], 3), 3)
points = {}
for r in rows("tech/infrastructure.csv"):
    iso3 = NAMES.get(r["region"].lower())
    if r["topic"] == "public_chargers" and iso3 in ISO and r["value"] and int(r["year"]) <= BASE and not (iso3 == "BRA" and r["item"] == "fast" and r["year"] == "2023"):
        points.setdefault((iso3, r["year"], r["item"]), [iso3, r["year"], r["item"], num(r["value"])] + tail(r, r["year"], ""))
write("chargers", ["iso3", "year", "kind", "points"], list(points.values()), 3)
write("ownership_prior", ["iso3", "parameter", "value"],
      first_of([[r["iso3"], r["parameter"], num(r["value"])] + tail(r, r["year"] or 2007) for r in rows("autos/ownership_params.csv") if r["value"]], 2), 2)
trade = {}
for r in rows("autos/trade.csv"):
    # What Chinese makers sold in Russia and Europe is not what came from China.
    if r["unit"] == "vehicles" and int(r["year"]) <= BASE and "Chinese carmakers" not in r["note"]:
        name = "used_trade" if r["condition"] == "used" else "new_trade"
        trade.setdefault((name, r["exporter"], r["importer"], r["year"]), [r["exporter"], r["importer"], r["year"], num(r["value"])] + tail(r, r["year"]))
for name in ("used_trade", "new_trade"):
    write(name, ["exporter", "importer", "year", "units"], [row for key, row in trade.items() if key[0] == name], 3)
write("two_wheelers", ["iso3", "year", "measure", "units"],
      first_of([[r["iso3"], r["year"], r["measure"], num(r["units"])] + tail(r, r["year"]) for r in rows("autos/motorcycles.csv") if int(r["year"]) <= BASE], 3), 3)
fx = {(r["currency"], int(r["year"])): float(r["value"]) for r in rows("macro/deflator.csv") if "exchange" in r["series"] or "fx" in r["series"].lower()}
cash = {}
for r in rows("autos/prices.csv"):
    year = int(r["year"])
    if r["iso3"] not in ISO or year > BASE:
        continue
    rate = 1.0 if r["unit"] == "USD" else fx.get((r["unit"], year))
    if not rate:
        continue
    # Rates are units of the currency for a dollar; the euro's series may be its inverse.
    usd = float(r["value"]) / rate / deflator[year]
    cash.setdefault((r["iso3"], r["year"], r["what"], r["powertrain"]), [r["iso3"], r["year"], r["what"], r["powertrain"], repr(round(usd))] + tail(r, r["year"]))
write("vehicle_prices", ["iso3", "year", "what", "powertrain", "price_usd2023"], list(cash.values()), 4)
making = {}
for r in rows("tech/manufacturing.csv"):
    if r["value"]:
        key = (r["stage"], r["item"], r["region"], r["year"] or str(BASE))
        making.setdefault(key, list(key) + [num(r["value"]), r["unit"]] + tail(r, min(int(r["year"] or BASE), BASE)))
write("manufacturing", ["stage", "item", "region", "year", "value", "unit"], list(making.values()), 4)
write("tariffs", ["importer", "exporter", "regime", "product", "year", "rate"],
      first_of([[r["iso3"], r["partner"], r["regime"], r["product"], r["year"], num(r["rate"])] + tail(r, r["year"]) for r in rows("autos/tariffs.csv") if r["rate"] and r["iso3"]], 4), 4)

# Policy rules; what their prose means is in rules.py
currencies = {r["currency"]: r["value"] for r in rows("macro/deflator.csv") if r["series"] == "fx" and r["year"] == str(BASE)}
rules.build(rows, basis_of, num, key_of, tail, write, currencies)
# Plants. In ASEAN from the list of plants; elsewhere a site where a maker is known to build, its capacity inferred by the program.
# Rows that would count a plant twice are left out: the parts of Toyota in Thailand (its total stands), the Indonesian total.
PLANT_MAKER = {"Daihatsu": "Toyota", "Hino": "Toyota", "Wuling": "SAIC", "DFSK": "Dongfeng", "Hyundai": "HyundaiKia", "Kia": "HyundaiKia", "Mitsubishi Fuso": "Fuso",
               "Neta": "Hozon", "GAC Aion": "GAC", "Mercedes-Benz": "MercedesBenz", "Foxconn-PTT": "other", "Mazda": "Mazda"}
PLANT_SEGMENTS = {("THA", "Toyota"): "pickup+suv+small+medium", ("THA", "Isuzu"): "pickup+suv", ("THA", "Mitsubishi"): "pickup+suv+small", ("THA", "Honda"): "small+medium+suv",
                  ("THA", "Nissan"): "pickup+small+suv", ("THA", "Mazda"): "small+medium+suv", ("THA", "Ford"): "pickup+suv", ("THA", "Suzuki"): "small", ("THA", "Subaru"): "suv",
                  ("THA", "SAIC"): "small+medium+suv+pickup", ("THA", "GWM"): "suv+medium", ("IDN", "Toyota"): "small+mpv+suv+van", ("IDN", "Mitsubishi"): "mpv+suv+van", ("IDN", "Suzuki"): "mpv+suv+van+small",
                  ("IDN", "Honda"): "small+suv+mpv", ("IDN", "HyundaiKia"): "suv+mpv", ("IDN", "SAIC"): "small+mpv+suv", ("IDN", "Isuzu"): "van+suv", ("IDN", "Dongfeng"): "van+suv", ("IDN", "Nissan"): "mpv",
                  ("MYS", "Toyota"): "small+suv+pickup", ("MYS", "Perodua"): "small+mpv+suv", ("MYS", "Proton"): "small+medium+suv", ("PHL", "Toyota"): "small+mpv", ("PHL", "Mitsubishi"): "small+van",
                  ("VNM", "Ford"): "pickup+van+suv", ("VNM", "Toyota"): "small+mpv+suv", ("VNM", "Honda"): "small+suv"}
# Year in which the opening, and the end, was made known; what opens after the base year without one was known two years before.
OPENING_KNOWN = {("THA", "BYD"): 2022, ("THA", "GAC"): 2023, ("THA", "Changan"): 2023, ("THA", "Chery"): 2024, ("THA", "HyundaiKia"): 2024, ("THA", "other"): 2021, ("THA", "Hozon"): 2022,
                 ("IDN", "BYD"): 2024, ("IDN", "VinFast"): 2023, ("MYS", "BYD"): 2025, ("MYS", "Proton"): 2024, ("VNM", "VinFast"): 2024, ("IND", "VinFast"): 2024}
ENDS = {("THA", "Honda", "Ayutthaya"): (2025, 2024), ("THA", "Suzuki", "Rayong"): (2025, 2024), ("THA", "Subaru", "Lat Krabang (Tan Chong)"): (2024, 2024),
        ("IDN", "Nissan", "Purwakarta"): (2020, 2020), ("THA", "Hozon", "Bangchan General Assembly, Bangkok"): (2025, 2025)}


def plant_powertrains(text):
    words = set(text.replace("MHEV", "ICE").replace("FFV", "ICE").replace("EREV", "PHEV").replace("all", "ICE").split("+"))
    return "+".join(w for w in ("ICE", "HEV", "PHEV", "BEV", "FCEV") if w in words)


plants = {}
for r in rows("asean/plants.csv"):
    if r["maker"] == "ALL" or (r["iso3"], r["maker"]) == ("THA", "Toyota") and r["location"] != "all Thailand":
        continue
    maker = PLANT_MAKER.get(r["maker"], r["maker"])
    start = int(r["start_year"] or 2000)
    end, end_known = ENDS.get((r["iso3"], maker, r["location"]), ("", ""))
    known = OPENING_KNOWN.get((r["iso3"], maker), start - 2) if start > BASE else start
    status = "doubtful" if "doubtful" in r["status"] else "planned" if start > BASE else "operating"
    body = [maker, r["iso3"], r["location"], num(r["capacity_units_yr"]), PLANT_SEGMENTS.get((r["iso3"], maker), ""), plant_powertrains(r["powertrains"]), str(start), str(known), str(end), str(end_known), status]
    plants[tuple(body[:3])] = body + tail(r, known, "; ".join(x for x in (r["products"], r["status"] if r["status"] != "operating" else "", r["note"]) if x))
# Makers by country in 2023, thousand light vehicles built: from memory, to one or two figures; P pickups, B battery-electric, V plug-in hybrids, F fuel cells are built there, "only" nothing else
BUILT = """
JPN Toyota 4250 BVF; Honda 700; Nissan 725 B; Mazda 830 V; Suzuki 970; Subaru 600; Mitsubishi 480 BV; Isuzu 60 P; Fuso 10
CHN BYD 3020 BV only; SAIC 2400 BVFP; Geely 1650 BV; Chery 1880 BV; Changan 2100 BVP; GWM 1230 BVP; GAC 890 BV; FAW 500 BV; Dongfeng 800 BVP; BAIC 800 BP; JAC 550 BP; NIO 160 B only; Xpeng 142 B only; Leapmotor 145 BV only; Hozon 124 BV only; KingLong 20 B; CHN 1500 BVP; VolvoCars 200 BV; Volkswagen 3200 BV; Toyota 1750 BV; Honda 1210 BV; Nissan 800 BP; Mazda 85 B; BMW 700 BV; MercedesBenz 590 BV; GM 870 BV; Ford 350 BVP; HyundaiKia 420 B; Tesla 947 B only; Stellantis 80; JLR 55 V; Renault 65 B only; Mitsubishi 20; Isuzu 40 P
KOR HyundaiKia 3560 BVF; GM 465; Renault 100; KGM 115 BP
IND Suzuki 1990; HyundaiKia 1085 B; JLR 800 BP; Mahindra 800 BP; Toyota 230; Honda 110; Volkswagen 135; Renault 75; Nissan 60; SAIC 57 B; Stellantis 15 B; IND 150 P; BMW 12; MercedesBenz 17; Isuzu 8 P
TWN Toyota 110; Nissan 25; Honda 25; Mitsubishi 35; Ford 15; HyundaiKia 20; other 10 B; SAIC 12
PAK Suzuki 40; Toyota 20 P; Honda 10; HyundaiKia 8; Changan 4
IRN other 1050 P; Chery 130
UZB GM 390; HyundaiKia 15; other 10; BYD 1 BV only
KAZ HyundaiKia 60; GM 35; JAC 40
TUR Renault 350; Stellantis 240; Ford 373 BV; HyundaiKia 240; Toyota 220; other 20 B
RUS AvtoVAZ 375; GWM 110; other 120 P; JAC 25
BLR Geely 45
GBR Nissan 325 B; BMW 185 B; JLR 320 V; Toyota 105; Stellantis 40 B; Volkswagen 14; AstonMartin 6; McLaren 2; VolvoCars 3
DEU Volkswagen 1950 BV; BMW 950 BV; MercedesBenz 850 BV; Ford 95; Stellantis 110 BV; Tesla 190 B only
FRA Renault 560 BV; Stellantis 720 BV; Toyota 270; MercedesBenz 20
ESP Volkswagen 700 V; Stellantis 940 B; Renault 300 V; Ford 220 V; MercedesBenz 140 B
ITA Stellantis 640 B; StellantisNA 90 V; Ferrari 14; Volkswagen 10
PRT Volkswagen 220; Stellantis 85
BEL VolvoCars 190 BV; Volkswagen 48 B only
NLD BMW 70
AUT BMW 60; MercedesBenz 40; JLR 10 B
SWE VolvoCars 280 V
CZE Volkswagen 865 BV; HyundaiKia 340 BV; Toyota 190
SVK Volkswagen 340 BV; HyundaiKia 350 V; Stellantis 270 B; JLR 110 V
HUN Suzuki 125; MercedesBenz 165 BV; Volkswagen 175 V
POL Stellantis 250 B; StellantisNA 40 B; Volkswagen 220
ROU Renault 322; Ford 190
SVN Renault 60 B
FIN MercedesBenz 30
MAR Renault 380; Stellantis 155 B
ZAF Toyota 130 P; Ford 110 P; Volkswagen 130; Isuzu 22 P; BMW 70 V; MercedesBenz 80 V; Nissan 20 P
EGY Nissan 20; GM 15; Chery 8; HyundaiKia 8
USA GM 1830 BP; Ford 1750 BVP; StellantisNA 1000 VP; Toyota 1210 P; Honda 1000 P; Nissan 560 BP; HyundaiKia 730 BP; Subaru 370; Tesla 770 B only; BMW 410 V; MercedesBenz 310 B; Volkswagen 175 B; VolvoCars 15; Mazda 100; USA 70 BP only
CAN Toyota 525; Honda 375; StellantisNA 300 V; Ford 100; GM 150 P
MEX GM 716 BP; Nissan 614 P; StellantisNA 450 P; Stellantis 30; Volkswagen 525 V; Ford 390 BP; Toyota 255 P; Honda 165; HyundaiKia 256; Mazda 203; BMW 87; MercedesBenz 60; JAC 20 P
BRA Stellantis 770 P; StellantisNA 150; Volkswagen 395 P; GM 420 P; HyundaiKia 205; Toyota 200; Renault 200; Nissan 50; Honda 75; Chery 40; Mitsubishi 10 P
ARG Toyota 175 P; Volkswagen 75 P; Stellantis 130; Ford 65 P; Renault 75 P; GM 60; Nissan 25 P; MercedesBenz 20
MYS Perodua 330; Proton 155; Toyota 100 P; Honda 85; Nissan 12; Mazda 18; Mitsubishi 8; HyundaiKia 5; BMW 12 V; MercedesBenz 6 V; Volkswagen 5; VolvoCars 3 BV; Chery 3; Isuzu 10 P; Stellantis 4
VNM HyundaiKia 105; Mazda 33; Toyota 40; Ford 25 P; Honda 15; Mitsubishi 10; VinFast 35 B only; Stellantis 8; Suzuki 3; MercedesBenz 3; ASEAN 3
PHL Toyota 62; Mitsubishi 25; other 8
THA Ford 190; Mazda 105; Nissan 85; SAIC 25; GWM 10; Suzuki 12; MercedesBenz 12; BMW 20 V; Subaru 6; Hozon 1
IDN Honda 155; HyundaiKia 82; SAIC 30; Isuzu 32; Dongfeng 3; MercedesBenz 3; BMW 3; Chery 4
"""
# Plants announced outside ASEAN: maker, country, place, capacity, segments, powertrains, start, known, from memory
ANNOUNCED = """
BYD HUN Szeged 150000 small+suv BEV+PHEV 2025 2023
BYD TUR Manisa 150000 suv+medium BEV+PHEV 2026 2024
BYD BRA Camacari 150000 small+suv BEV+PHEV 2025 2023
BYD UZB Jizzakh 50000 medium+suv BEV+PHEV 2024 2022
Chery ESP Barcelona 50000 suv ICE+HEV+BEV+PHEV 2024 2024
GWM BRA Iracemapolis 50000 suv+pickup HEV+PHEV+BEV 2025 2021
SAIC PAK Lahore 20000 suv ICE+HEV 2024 2022
Leapmotor ESP Zaragoza 50000 small+suv BEV 2026 2024
GAC BRA Catalao 50000 suv ICE+HEV+BEV 2026 2024
Changan PAK Karachi 10000 small+suv ICE 2019 2018
HyundaiKia USA Metaplant_Georgia 300000 suv BEV+HEV 2024 2022
HyundaiKia IND Talegaon 170000 suv ICE+HEV 2025 2023
HyundaiKia SAU KAEC 50000 suv+medium ICE+BEV 2026 2023
HyundaiKia KOR Gwangmyeong_and_Ulsan_electric 350000 suv+medium BEV 2025 2022
Suzuki IND Kharkhoda 250000 suv+small ICE+HEV 2025 2022
Suzuki IND Gujarat_electric_line 100000 suv BEV 2025 2022
Toyota USA Georgetown_electric_line 100000 suv BEV 2026 2021
Honda USA Ohio_electric_hub 100000 suv BEV 2026 2022
Toyota IND Bidadi_third 100000 suv+mpv ICE+HEV 2026 2023
BMW HUN Debrecen 150000 suv BEV 2025 2018
VolvoCars SVK Kosice 250000 suv BEV 2026 2022
Tesla DEU Gruenheide_ramp 250000 suv BEV 2024 2021
Stellantis SRB Kragujevac 100000 small ICE+BEV 2024 2022
Stellantis DZA Oran 60000 small ICE 2024 2022
Mahindra IND Chakan_electric 120000 suv BEV 2025 2022
JLR IND Sanand_electric 200000 suv+small BEV 2024 2022
USA SAU Lucid_KAEC 150000 medium BEV 2026 2022
GM USA Orion_electric 300000 pickup BEV 2026 2022
Ford USA BlueOval_City 300000 pickup BEV 2027 2021
Volkswagen USA Scout_South_Carolina 200000 suv+pickup BEV+PHEV 2027 2023
"""
# Countries in which Chinese makers have no plant yet but could: no capacity until demand that a plant there would draw calls for one.
PROSPECTIVE = "BYD MEX; BYD ESP; BYD PAK; BYD VNM; BYD IND; Chery MEX; Chery THA; Chery VNM; Chery TUR; Chery IDN; Chery ZAF; SAIC ESP; SAIC MEX; Geely MYS; Geely IDN; Geely BRA; Geely EGY; GWM IDN; GWM VNM; GWM MYS; GAC IDN; GAC MYS; Changan BRA; Changan EGY; Xpeng IDN; JAC BRA; Leapmotor MYS"
for (maker, iso3, place), row in list(plants.items()):
    assert maker == "other" or row[6], row
production_by_maker = {}
recall = {"source": "RECALLED_PLANTS", "basis": "recalled", "note": ""}
for line in BUILT.strip().split("\n"):
    iso3, entries = line.split(" ", 1)
    for entry in entries.split("; "):
        maker, thousands, *marks = entry.split(" ")
        letters = "".join(m for m in marks if m != "only")
        only = "only" in marks
        kinds = ([] if only else ["ICE", "HEV"]) + [w for x, w in (("V", "PHEV"), ("B", "BEV"), ("F", "FCEV")) if x in letters]
        segments = "+".join((["pickup"] if "P" in letters else []) + ["small", "medium", "suv", "mpv", "van"])
        if not any(key[:2] == (maker, iso3) for key in plants):
            plants[maker, iso3, "all plants"] = [maker, iso3, "all plants", "", segments, "+".join(kinds), "2000", "2000", "", "", "operating"] + tail(recall, 2000, "site inferred; capacity by rule from output")
        production_by_maker[iso3, str(BASE), maker, "all"] = [iso3, str(BASE), maker, "all", str(int(thousands) * 1000)] + tail(recall, BASE, "light vehicles, order of magnitude from memory")
for line in ANNOUNCED.strip().split("\n"):
    maker, iso3, place, capacity, segments, kinds, start, known = line.split(" ")
    plants[maker, iso3, place] = [maker, iso3, place.replace("_", " "), capacity, segments, kinds, start, known, "", "", "planned" if int(start) > BASE else "operating"] + tail(recall, known, "as announced, from memory")
for entry in PROSPECTIVE.split("; "):
    maker, iso3 = entry.split(" ")
    if not any(key[:2] == (maker, iso3) for key in plants):
        plants[maker, iso3, "prospective"] = [maker, iso3, "prospective", "", "small+medium+suv", "BEV+PHEV+HEV", str(BASE + 1), str(BASE), "", "", "prospective"] + tail({"source": "KYOSO_PLANTS", "basis": "estimate", "note": ""}, BASE, "no plant announced: opens only if the model orders one")
used_sources["RECALLED_PLANTS"] = "Makers' output by country of about 2023 and announced plants, from memory, unchecked"
used_sources["KYOSO_PLANTS"] = "Own choice: where makers without a plant could build"
write("plants", ["maker", "iso3", "location", "capacity", "segments", "powertrains", "start", "start_known", "end", "end_known", "status"], list(plants.values()), 3)

# Output by maker: what was read goes before what is remembered; makers of one group are added (Toyota and Daihatsu in Indonesia)
read = defaultdict(list)
for r in rows("asean/production_by_maker.csv"):
    if r["period"] == "full year" and r["units"] and not r["maker"].startswith("TOTAL (") and "for " not in r["maker"] and "pickups" not in r["maker"] and r["maker_group"] != "SUBTOTAL":
        maker = "all" if r["maker"] == "TOTAL" else PLANT_MAKER.get(r["maker"], r["maker"])
        read[r["iso3"], r["year"], maker, r["powertrain"]].append(r)
for key, group in read.items():
    body = list(key) + [num(str(sum(float(r["units"]) for r in group)))]
    production_by_maker[key] = body + tail(group[0], key[1], "; ".join(sorted({r["note"] for r in group if r["note"]})))
for iso3, units, note in (("VNM", 285000, "sales less imports of complete cars, from memory"), ("PHL", 110000, "assembled, from memory"), ("PAK", 82000, "assembled from kits, from memory"),
                          ("EGY", 51000, "assembled from kits, from memory"), ("BLR", 45000, "from memory"), ("SWE", 280000, "not in the organisation's list of 2023, from memory"),
                          ("NLD", 70000, "until the end of 2023, from memory")):
    production_by_maker[iso3, str(BASE), "all", "all"] = [iso3, str(BASE), "all", "all", str(units)] + tail(recall, BASE, note)
write("production_by_maker", ["iso3", "year", "maker", "powertrain", "units"], list(production_by_maker.values()), 4)

# Exports by destination: full years
exports = {}
for r in rows("asean/exports.csv"):
    if r["units"] and r["period"] == "full year" and r["exporter"] in ISO:
        maker = "all" if r["maker"] == "all" else next((PLANT_MAKER.get(w, w) for w in r["maker"].split(" ") if w in ("Daihatsu", "Toyota", "Mitsubishi", "Suzuki", "Hyundai", "Honda", "Isuzu", "Hino", "DFSK", "Wuling")), "")
        key = (r["exporter"], r["year"], r["destination"], maker)
        if key in exports and maker != "all":
            exports[key][5] = num(str(float(exports[key][5]) + float(r["units"])))
        elif key not in exports or not r["source"].startswith("recalled"):
            exports[key] = [r["exporter"], r["year"], r["destination"], maker, r["destination_type"], num(r["units"])] + tail(r, r["year"])
write("exports", ["exporter", "year", "destination", "maker", "kind", "units"], list(exports.values()), 4)

# Content made in the region of a preference, share of value: maker's origin, place, powertrain (ICE, HEV, PHEV, BEV), with range
CONTENT = """
all WLD ICE .60 .40 .80; all WLD HEV .50 .35 .70; all WLD PHEV .45 .30 .65; all WLD BEV .35 .20 .60
all CHN all .90 .80 .98; all JPN ICE .90 .80 .97; all JPN HEV .90 .80 .97; all JPN PHEV .80 .60 .90; all JPN BEV .65 .45 .85; all KOR ICE .85 .75 .95; all KOR HEV .85 .70 .95; all KOR PHEV .80 .60 .90; all KOR BEV .75 .55 .90
all EU27 ICE .80 .65 .90; all EU27 HEV .70 .55 .85; all EU27 PHEV .60 .45 .80; all EU27 BEV .55 .40 .75; all GBR ICE .65 .50 .80; all GBR BEV .50 .35 .70; all TUR ICE .65 .50 .80; all MAR ICE .60 .45 .75
all USA ICE .78 .70 .90; all USA HEV .75 .60 .85; all USA PHEV .75 .55 .85; all USA BEV .75 .55 .90; all CAN ICE .78 .70 .90; all CAN HEV .76 .60 .85; all MEX ICE .76 .65 .85; all MEX HEV .75 .55 .85; all MEX BEV .75 .55 .85; all IND ICE .85 .75 .95; all IND BEV .50 .35 .70
JPN THA ICE .85 .70 .95; JPN THA HEV .55 .40 .75; USA THA ICE .70 .55 .85; JPN IDN ICE .80 .65 .92; JPN IDN HEV .50 .40 .70; JPN MYS ICE .60 .45 .80; JPN PHL ICE .45 .35 .60; JPN VNM ICE .40 .25 .60; KOR IDN ICE .60 .45 .75; KOR IDN BEV .40 .30 .60; KOR VNM ICE .40 .25 .55
ASEAN MYS ICE .85 .65 .95; ASEAN VNM BEV .50 .35 .65; CHN THA ICE .45 .35 .60; CHN THA HEV .42 .35 .60; CHN THA PHEV .38 .25 .55; CHN THA BEV .36 .25 .55; CHN IDN ICE .45 .35 .60; CHN IDN BEV .40 .30 .55
"""
content = []
for entry in CONTENT.replace("\n", ";").split(";"):
    if entry.strip():
        origin, place, kind, value, low, high = entry.split()
        content.append([origin, place, kind, repr(float(value)), repr(float(low)), repr(float(high))] + tail({"source": "RECALLED_CONTENT", "basis": "recalled", "note": ""}, BASE, "share of value made in the region of the preference; wide"))
write("local_content", ["origin", "iso3", "powertrain", "content", "low", "high"], content, 3)
used_sources["RECALLED_CONTENT"] = "Local content of vehicles by place and powertrain, from memory of industry statements, unchecked"
write("origin_rules", ["regime", "content"],
      [[regime, value, "2023", "RECALLED_ORIGIN_RULES", "recalled", note] for regime, value, note in
       (("default", "0.4", "where no rule of its own is given"), ("ATIGA", "0.4", "regional value content or change of heading"), ("ACFTA", "0.4", ""), ("AANZFTA", "0.4", ""), ("TAFTA", "0.4", ""), ("USMCA", "0.75", "core parts and labour value apart"),
        ("TCA", "0.45", "electric vehicles to the end of 2026; 0.55 after"), ("EVFTA", "0.55", ""), ("customs union", "0", "free circulation"), ("EAEU", "0.5", ""), ("ACE14", "0.5", ""), ("ACE55", "0.4", ""), ("ACE72", "0.5", ""))], 1)
used_sources["RECALLED_ORIGIN_RULES"] = "Rules of origin for vehicles by agreement, from memory, unchecked"

# Minerals: mines in tonnes, refining in shares; of several counts of a year the latest revision is used
PLACE = {"DR Congo": "COD", "Congo, Democratic Republic": "COD", "Korea (Rep. of)": "KOR", "Korea, Republic": "KOR", "Korea, Dem. P.R. of": "PRK",
         "New Caledonia": "NCL", "World": "WLD", "Viet Nam": "VNM", "Laos": "LAO", "Russia": "RUS", "United States": "USA", "Myanmar": "MMR"}
MINERALS = ("lithium", "nickel", "cobalt", "manganese", "graphite", "rare_earths", "copper")


def place(name):
    code = PLACE.get(name, NAMES.get(name.lower(), ""))
    return code if code in ISO | {"WLD"} else ""


def revision(r):
    order = ("Minerals Yearbook", "British Geological", "Summaries 2024", "Summaries (2023", "Summaries 2023")
    return next((i for i, word in enumerate(order) if word in r["source"]), len(order))


mines = {}
for r in sorted(rows("tech/minerals.csv"), key=revision):
    if r["mineral"] in MINERALS and r["stage"] == "mine_production" and int(r["year"]) <= BASE and place(r["country"]) and float(r["value"]) > 0:
        key = (r["mineral"], place(r["country"]), r["year"])
        mines.setdefault(key, list(key) + [num(r["value"])] + tail(r, r["year"]))
# One count of the world that is less than its parts would make the rest negative.
write("mineral_supply", ["mineral", "iso3", "year", "tonnes"], list(mines.values()), 3)
refined, refined_world = {}, {}
for r in rows("tech/minerals.csv"):
    if r["mineral"] in ("nickel", "cobalt", "copper") and r["stage"] == "refined_production" and r["year"] == "2021":
        if r["country"] == "World":
            refined_world[r["mineral"]] = float(r["value"])
        elif place(r["country"]) and float(r["value"]) > 0:
            refined[r["mineral"], place(r["country"])] = r
refining = [[m, iso3, "2021", repr(round(float(r["value"]) / refined_world[m], 4))] + tail(r, 2021, "refined tonnes over those of the world") for (m, iso3), r in refined.items()]
for r in rows("tech/minerals.csv"):
    newest = {"lithium": "2019", "rare_earths": "2020"}.get(r["mineral"])
    if r["stage"] == "refining_share" and r["year"] == newest and place(r["country"]):
        refining.append([r["mineral"], place(r["country"]), r["year"], num(r["value"])] + tail(r, r["year"]))
for m, share, note in (("graphite", "0.92", "battery-grade spheres"), ("manganese", "0.93", "high-purity sulphate")):
    refining.append([m, "CHN", "2022", share, "2022", key_of("RECALLED_REFINING"), "recalled", note])
used_sources["RECALLED_REFINING"] = "Chinese shares of battery-grade graphite and manganese sulphate about 2022, from memory, unchecked"
write("mineral_refining", ["mineral", "iso3", "year", "share"], refining, 3)
LCE_PER_LI = 5.323
mineral_price = {}
for r in rows("tech/minerals.csv"):
    name = {"lithium_carbonate": "lithium"}.get(r["mineral"], r["mineral"])
    if r["stage"] == "price" and name in MINERALS and int(r["year"]) <= BASE:
        scale = LCE_PER_LI if r["mineral"] == "lithium_carbonate" else 1.0
        key = (name, r["year"])
        note = r["note"] + ("; carbonate price times 5.323" if scale > 1 else "")
        mineral_price[key] = list(key) + [repr(round(float(r["value"]) * scale / deflator[int(r["year"])]))] + tail(r, r["year"], note)
for m, usd, note in (("manganese", "1800", "contained in sulphate"), ("rare_earths", "30000", "basket of oxides of magnets and the rest")):
    mineral_price[m, "2023"] = [m, "2023", usd, "2023", key_of("RECALLED_MINERAL_PRICE"), "recalled", note]
used_sources["RECALLED_MINERAL_PRICE"] = "Prices of manganese and rare earths about 2023, from memory, unchecked"
write("mineral_prices", ["mineral", "year", "usd2023_per_tonne"], list(mineral_price.values()), 2)

# Content of packs by chemistry, and of vehicles apart from the pack
CHEMISTRY = {"LFP": "LFP", "LMO": "LMO", "NCA": "NCA", "NMC 111": "NMC111", "NMC 532": "NMC532", "NMC 622": "NMC622", "NMC 721": "NMC721", "NMC 811": "NMC811",
             "NMCA 89:4:4:3": "NMC900", "SIB": "sodium-ion", "SS NMC 811": "solid-state"}
content = []
for r in rows("tech/battery.csv"):
    mineral = r["item"].replace("material_intensity_", "")
    if r["item"].startswith("material_intensity_") and mineral in MINERALS and r["chemistry"] in CHEMISTRY and float(r["value"]) > 0:
        content.append(["pack", CHEMISTRY[r["chemistry"]], mineral, num(r["value"]), "kg/kWh"] + tail(r, 2023))
motor = next(r for r in rows("tech/battery.csv") if r["item"] == "vehicle_minerals_rare_earths")
for f, ratio in (("BEV", 1), ("FCEV", 1), ("PHEV", .8), ("HEV", .5)):
    note = "magnets of the motor" if ratio == 1 else "magnets of the motor, %g of those of a battery-electric car by power" % ratio
    content.append(["vehicle", f, "rare_earths", num(str(float(motor["value"]) * ratio)), "kg/vehicle"] + tail(motor if ratio == 1 else dict(motor, basis="estimate"), 2021, note))
copper = next(r for r in rows("tech/battery.csv") if r["item"] == "vehicle_minerals_copper" and r["chemistry"] == "ICE car")
for f in ("ICE-gasoline", "ICE-diesel", "flex-fuel", "CNG", "HEV", "PHEV", "BEV", "FCEV"):
    content.append(["vehicle", f, "copper", num(copper["value"]), "kg/vehicle"] + tail(copper, 2021, "wiring and motors; 53.2 kg of a battery-electric car less its pack leaves as much"))
write("mineral_content", ["kind", "member", "mineral", "kg", "unit"], content, 3)
paths = defaultdict(float)
path_row = {}
FAMILY = {"NMC532": "NMC532", "NMC622": "NMC622", "NMC811": "NMC811", "NMC900": "NMC900", "NMC900-Si": "NMC900", "NCA": "NCA", "LFP": "LFP", "SIB": "sodium-ion",
          "NMC111": "NMC111", "LMO": "LMO"}
for r in rows("tech/battery.csv"):
    iso3 = NAMES.get(r["region"].lower(), "WLD" if r["region"] == "World" else "")
    if r["item"] == "chemistry_share_bev_cars" and r["year"] == str(BASE) and (iso3 in ISO or iso3 == "WLD") and r["chemistry"] in CHEMISTRY:
        key = (iso3, r["year"], CHEMISTRY[r["chemistry"]])
    elif r["item"] == "chemistry_share_scenario_MIX":
        key = ("WLD", r["year"], FAMILY.get(r["chemistry"], "solid-state"))
    else:
        continue
    paths[key] += float(r["value"])
    path_row[key] = r
totals = defaultdict(float)
for key, share in paths.items():
    totals[key[:2]] += share
write("chemistry_paths", ["iso3", "year", "chemistry", "share"],
      [list(key) + [repr(round(share / totals[key[:2]], 6))] + tail(path_row[key], min(int(key[1]), BASE), path_row[key]["note"] + ("; scaled to one; lithium-sulphur and lithium-air with solid-state" if int(key[1]) > BASE else ""))
       for key, share in paths.items() if share > 0], 3)

# People: hours of a vehicle at the labour intensity of Thailand, all tiers. 44 hours in the plant are the 20 workers a thousand
# pickups of Ban Pho; engine to electric drive 1 to 0.33 with packs assembled from bought cells (0.45 together); parts make four fifths of jobs.
SKILLS = ("mechanical", "electrified powertrain and battery", "software", "production engineering")
HOURS = {"body": {"ICE": 16, "HEV": 16, "PHEV": 16, "BEV": 15.2, "FCEV": 16}, "paint": {"ICE": 8, "HEV": 8, "PHEV": 8, "BEV": 7.6, "FCEV": 8},
         "assembly": {"ICE": 20, "HEV": 21, "PHEV": 22, "BEV": 19, "FCEV": 22}, "powertrain": {"ICE": 130, "HEV": 150, "PHEV": 155, "BEV": 43, "FCEV": 90},
         "battery": {"HEV": 3, "PHEV": 8, "BEV": 15.5, "FCEV": 3}, "parts": {"ICE": 720, "HEV": 720, "PHEV": 720, "BEV": 690, "FCEV": 700}}
SPLIT = {("body", "any"): (.94, 0, 0, .06), ("paint", "any"): (.95, 0, 0, .05),
         ("assembly", "ICE"): (.93, 0, .02, .05), ("assembly", "HEV"): (.88, .05, .02, .05), ("assembly", "PHEV"): (.83, .09, .03, .05), ("assembly", "BEV"): (.75, .15, .05, .05), ("assembly", "FCEV"): (.75, .15, .05, .05),
         ("powertrain", "ICE"): (.92, 0, .02, .06), ("powertrain", "HEV"): (.70, .22, .03, .05), ("powertrain", "PHEV"): (.62, .29, .03, .06), ("powertrain", "BEV"): (0, .85, .07, .08), ("powertrain", "FCEV"): (0, .85, .07, .08),
         ("battery", "any"): (0, .88, .05, .07),
         ("parts", "ICE"): (.95, 0, .01, .04), ("parts", "HEV"): (.90, .05, .015, .035), ("parts", "PHEV"): (.87, .08, .02, .03), ("parts", "BEV"): (.80, .14, .03, .03), ("parts", "FCEV"): (.80, .14, .03, .03)}
used_sources["KYOSO_LABOUR"] = "Own synthesis: JICA (2008) on Ban Pho, BCG (2020), Cotterman et al. (2024), Weng et al. (2024), Reuters (2020) on the share of parts"
labour = []
for stage, by_kind in HOURS.items():
    for kind, hours in by_kind.items():
        for f in ("ICE-gasoline", "ICE-diesel", "flex-fuel", "CNG") if kind == "ICE" else (kind,):
            for skill, share in zip(SKILLS, SPLIT.get((stage, kind), SPLIT.get((stage, "any")))):
                if share > 0:
                    labour.append([f, stage, skill, repr(round(hours * share, 4)), "2024", "KYOSO_LABOUR", "estimate", "hours of the stage times the share of the skill"])
write("labour_hours", ["powertrain", "stage", "skill", "hours"], labour, 3)
jobs = {}
for r in rows("tech/workforce.csv"):
    iso3 = NAMES.get(r["region"].lower())
    if r["topic"] == "employment" and r["item"] == "auto_industry_jobs" and iso3 in ISO and r["low"] and int(r["year"]) <= BASE:
        jobs[iso3] = [iso3, r["year"], num(r["low"]), num(r["high"])] + tail(r, r["year"])
    if r["item"] == "jobs_per_1000_vehicles_all_tiers":
        jobs["THA"] = ["THA", "2023", "690000", "900000"] + tail(r, 2023, "690,000 (Krungthai) to 900,000 (Reuters), over 1.84 million vehicles of 2023")
for iso3, low, high in (("JPN", 780000, 1150000), ("DEU", 740000, 890000), ("USA", 990000, 1100000), ("CHN", 4000000, 5500000), ("KOR", 320000, 390000), ("IND", 1000000, 4000000), ("MEX", 800000, 1000000),
                        ("BRA", 330000, 480000), ("FRA", 180000, 400000), ("ESP", 140000, 300000), ("ITA", 160000, 270000), ("GBR", 150000, 200000), ("CZE", 170000, 190000), ("POL", 190000, 220000), ("TUR", 150000, 300000), ("ZAF", 100000, 120000)):
    jobs[iso3] = [iso3, "2022", str(low), str(high), "2022", key_of("RECALLED_JOBS"), "recalled", "vehicles and parts; the upper end with wider tiers"]
used_sources["RECALLED_JOBS"] = "Jobs in making vehicles and parts by country about 2022, from memory, unchecked"
write("auto_jobs", ["iso3", "year", "low", "high"], list(jobs.values()), 1)

# Biofuels: what a country can supply a year, in energy, with its carbon and cost
used_sources["KYOSO_BIOFUEL"] = "Own reading of the fuels table (S&P Global on APROBI, USDA FAS annuals, Malaysian Biodiesel Association) and of capacities from memory"
ML = {"ethanol": 21.2e-3, "biodiesel": 33e-3, "hvo": 34.3e-3}
BIO = [("IDN", "biodiesel", "palm", 20000, 50.5, 51.6, 29, "46 Mt of palm oil, two fifths for fuel; land use of Harsono and Subronto"), ("IDN", "ethanol", "molasses", 300, 46.8, 3, 38, "capacity of fuel-grade plants, from memory"),
       ("IDN", "hvo", "used cooking oil", 600, 16, 0, 40, "collected and exported today, from memory"), ("THA", "biodiesel", "palm", 2500, 50.5, 5, 31, "capacity from memory; 1,680 ML used in 2023; palm on old farmland"),
       ("THA", "ethanol", "cassava and molasses", 2300, 42.5, 4, 37, "capacity from memory; 1,250 ML used in 2023"), ("THA", "hvo", "used cooking oil", 115, 16, 0, 40, "from memory"),
       ("MYS", "biodiesel", "palm", 2045, 50.5, 30, 29, "potential of the association if B20 is widened"), ("MYS", "hvo", "used cooking oil", 250, 16, 0, 40, "from memory"),
       ("PHL", "ethanol", "molasses", 700, 46.8, 3, 42, "375 ML made and 310 ML imported in 2023"), ("PHL", "biodiesel", "coconut", 700, 32.8, 0, 45, "capacity from memory"),
       ("VNM", "ethanol", "cassava", 500, 45, 5, 38, "capacity from memory"), ("VNM", "hvo", "used cooking oil", 150, 16, 0, 40, "from memory"), ("JPN", "hvo", "used cooking oil", 400, 16, 0, 45, "from memory"),
       ("CHN", "hvo", "used cooking oil", 4000, 16, 0, 40, "from memory"), ("BRA", "ethanol", "sugarcane", 40000, 28.6, 8, 26, "with second crop of maize, from memory"), ("USA", "ethanol", "maize", 62000, 56.8, 15, 28, "from memory"),
       ("IND", "ethanol", "sugarcane and grain", 15000, 40, 10, 36, "capacity of 2024 programmes, from memory")]
write("biofuel_supply", ["iso3", "fuel", "feedstock", "potential_pj", "supply_g_per_mj", "land_use_g_per_mj", "usd2023_per_gj"],
      [[c, f, feed, repr(round(ml * ML[f], 3)), num(str(g)), num(str(land)), num(str(usd)), "2023", "KYOSO_BIOFUEL", "estimate", note] for c, f, feed, ml, g, land, usd, note in BIO], 3)

bibliography = open(os.path.join(PACK, "sources.bib"), encoding="utf-8").read()
for key, text in sorted(used_sources.items()):
    if "{%s," % key not in bibliography:
        print(f"sources.bib lacks {key}: {text}")
