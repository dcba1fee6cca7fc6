"""Cases of the comparison: what PyBLP makes of the same tables that the Rust side reads."""

import csv
import pathlib

import numpy as np
import pyblp

ROOT = pathlib.Path(__file__).resolve().parents[2]
pyblp.options.verbose = False

MILD = np.diag([0.8, 0.4, 0.6])
# Simulated cases: markets, products, nodes, makers, spread of tastes. In the last, tastes for the price differ so much that the plain
# fixed point contracts slowly.
SIMULATED = {
    "20x100": (20, 20, 100, 5, MILD),
    "50x500": (10, 50, 500, 5, MILD),
    "200x1000": (3, 200, 1000, 10, MILD),
    "50x500-strong": (10, 50, 500, 5, np.diag([2.5, 0.9, 2.0])),
}
TRUE_BETA = [1.0, -3.0, 1.5]
TRUE_GAMMA = [1.0, 0.4, 0.3]


def read(path):
    """A CSV file as columns: numbers where every value is one, except identifiers."""
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    columns = {}
    for name, values in zip(rows[0], zip(*rows[1:])):
        try:
            columns[name] = np.array(values if name.endswith("_ids") else [float(v) for v in values])
        except ValueError:
            columns[name] = np.array(values)
    return columns


def write(path, columns):
    """Columns as a CSV file, numbers in full."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*columns.values()):
            writer.writerow([repr(float(v)) if isinstance(v, (float, np.floating)) else v for v in row])


def numbered(columns, name):
    """Columns `name0`, `name1`, ... side by side."""
    found = []
    while f"{name}{len(found)}" in columns:
        found.append(columns[f"{name}{len(found)}"])
    return np.column_stack(found)


def automobiles():
    """The automobile problem of Berry, Levinsohn and Pakes (1995) with its start."""
    products = read(ROOT / "data/demand/blp-1995/products.csv")
    agents = read(ROOT / "data/demand/blp-1995/agents.csv")
    for side in ("demand", "supply"):
        products[f"{side}_instruments"] = numbered(products, f"{side}_instruments")
        products = {k: v for k, v in products.items() if k == f"{side}_instruments" or not k.startswith(f"{side}_instruments")}
    agents["nodes"] = numbered(agents, "nodes")
    agents = {k: v for k, v in agents.items() if k == "nodes" or not k.startswith("nodes")}
    problem = pyblp.Problem(
        (
            pyblp.Formulation("1 + hpwt + air + mpd + space"),
            pyblp.Formulation("1 + prices + hpwt + air + mpd + space"),
            pyblp.Formulation("1 + log(hpwt) + air + log(mpg) + log(space) + trend"),
        ),
        products,
        pyblp.Formulation("0 + I(1 / income)"),
        agents,
        costs_type="log",
    )
    sigma = np.diag([3.612, 0, 4.628, 1.818, 1.050, 2.056])
    pi = np.array([[0], [-43.501], [0], [0], [0], [0]])
    return problem, sigma, pi


def estimated():
    """The automobile problem at parameters near its two-step estimates, and its makers after Ford has joined General Motors."""
    problem, _, _ = automobiles()
    sigma = np.diag([2.025, 0, 6.1, 3.956, 0.2535, 1.908])
    pi = np.array([[0], [-44.84], [0], [0], [0], [0]])
    firms = problem.products.firm_ids.flatten()
    return problem, sigma, pi, np.where(firms == "16", "19", firms)


def make(folder, name):
    """Simulates a case and writes its tables."""
    markets, products, nodes, makers, sigma = SIMULATED[name]
    rng = np.random.default_rng(20)
    n = markets * products
    ids = {
        "market_ids": np.repeat(np.arange(markets), products),
        "firm_ids": np.tile(np.arange(products) % makers, markets),
    }
    x, z = rng.uniform(size=(2, n))
    errors = rng.multivariate_normal([0, 0], [[0.04, 0.01], [0.01, 0.01]], size=n)
    agents = {
        "market_ids": np.repeat(np.arange(markets), nodes),
        "weights": np.full(markets * nodes, 1 / nodes),
    } | {f"nodes{k}": rng.standard_normal(markets * nodes) for k in range(3)}
    simulation = pyblp.Simulation(
        formulations(),
        ids | {"x": x, "z": z},
        beta=TRUE_BETA,
        sigma=sigma,
        gamma=TRUE_GAMMA,
        agent_data={k: v for k, v in agents.items() if not k.startswith("nodes")} | {"nodes": numbered(agents, "nodes")},
        xi=errors[:, 0],
        omega=errors[:, 1],
    )
    solved = simulation.replace_endogenous()
    write(
        folder / f"{name}_products.csv",
        ids
        | {
            "x": x,
            "z": z,
            "prices": solved.product_data.prices.flatten(),
            "shares": solved.product_data.shares.flatten(),
            "costs": solved.costs.flatten(),
        },
    )
    write(folder / f"{name}_agents.csv", agents)


def formulations():
    """Demand and cost characteristics of the simulated cases."""
    return (
        pyblp.Formulation("1 + prices + x"),
        pyblp.Formulation("1 + prices + x"),
        pyblp.Formulation("1 + x + z"),
    )


def simulated(folder, name):
    """A simulated case: the problem, its costs and its makers after the merger of the first two."""
    products = read(folder / f"{name}_products.csv")
    agents = read(folder / f"{name}_agents.csv")
    agents["nodes"] = numbered(agents, "nodes")
    agents = {k: v for k, v in agents.items() if k == "nodes" or not k.startswith("nodes")}
    products["demand_instruments"] = products["z"]
    problem = pyblp.Problem(formulations()[:2], products, agent_data=agents)
    merged = np.where(products["firm_ids"] == "1", "0", products["firm_ids"])
    return problem, products["costs"], merged
