"""PyBLP's side: `theirs.py FOLDER CASE TASK PROCESSES`, answers and times as JSON."""

import contextlib
import json
import pathlib
import resource
import sys
import time

import numpy as np
import pyblp
from pyblp.markets.problem_market import ProblemMarket
from pyblp.parameters import Parameters

import cases


def timed(processes, work):
    """What `work` gives, with wall and CPU seconds; the CPU time of worker processes is counted when they have ended."""

    def cpu():
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    wall, used = time.perf_counter(), cpu()
    if processes == 1:
        answer = work()
        return answer, time.perf_counter() - wall, cpu() - used
    with pyblp.parallel(processes):
        # Starting the pool is no part of the work, so wall time counts from here; CPU time cannot be taken apart.
        wall = time.perf_counter()
        answer = work()
        wall = time.perf_counter() - wall
    return answer, wall, cpu() - used


def estimate(processes):
    """Two steps of the automobile problem, as in PyBLP's own tutorial."""
    problem, sigma, pi = cases.automobiles()
    results, wall, cpu = timed(
        processes,
        lambda: problem.solve(
            sigma, pi, costs_bounds=(0.001, None), W_type="clustered", se_type="clustered", initial_update=True
        ),
    )
    return {
        "wall": wall,
        "cpu": cpu,
        "objective": float(results.objective.item()),
        "values": [float(v) for v in np.r_[results.theta.flatten(), results.beta.flatten(), results.gamma.flatten()]],
        "evaluations": int(results.cumulative_contraction_evaluations.sum()),
        "objective_evaluations": int(results.cumulative_objective_evaluations),
    }


def invert(problem, sigma, pi, method):
    """Inverts every market from the logit, from the parameters on; no pool and no copies stand in between."""
    iteration = pyblp.Iteration(method, {"atol": 1e-14})
    parameters = Parameters(problem, sigma, pi, allow_linear_nans=True)
    evaluations = 0
    deltas = np.empty(problem.N)
    wall, cpu = time.perf_counter(), time.process_time()
    for market in problem.unique_market_ids:
        one = ProblemMarket(problem, market, parameters, parameters.sigma, parameters.pi, parameters.rho, parameters.beta)
        shares = one.products.shares
        start = np.log(shares) - np.log(1 - shares.sum())
        delta, _, stats, _ = one.safely_compute_delta(start, iteration, "safe_linear", (-np.inf, np.inf))
        evaluations += stats.evaluations
        # Markets come sorted by name, answers go in the order of the rows.
        deltas[problem.products.market_ids.flatten() == market] = delta.flatten()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "wall": wall,
        "cpu": cpu,
        "evaluations": int(evaluations),
        "values": [float(v) for v in deltas],
    }


def prices(folder, name, processes):
    """Equilibrium prices after a merger, from the prices before it."""
    at_start = {"method": "1s", "optimization": pyblp.Optimization("return", compute_gradient=False)}
    if name == "automobiles":
        problem, sigma, pi, merged = cases.estimated()
        results = problem.solve(sigma, pi, costs_bounds=(0.001, None), **at_start)
        costs = results.compute_costs()
    else:
        problem, costs, merged = cases.simulated(folder, name)
        results = problem.solve(cases.SIMULATED[name][-1], beta=cases.TRUE_BETA, **at_start)
    found, wall, cpu = timed(processes, lambda: results.compute_prices(firm_ids=merged, costs=costs))
    # The first time is not the fastest.
    for _ in range(4 if processes == 1 else 0):
        _, again, used = timed(processes, lambda: results.compute_prices(firm_ids=merged, costs=costs))
        wall, cpu = min(wall, again), min(cpu, used)
    return {"wall": wall, "cpu": cpu, "values": [float(v) for v in found.flatten()]}


def main():
    """Runs one task of one case."""
    folder, name, task, processes = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    if task == "make":
        cases.make(folder, name)
        return
    if task == "estimate":
        answer = estimate(processes)
    elif task.startswith("invert"):
        if name == "automobiles":
            problem, sigma, pi = cases.automobiles()
        else:
            (problem, *_), sigma, pi = cases.simulated(folder, name), cases.SIMULATED[name][-1], None
        answer = invert(problem, sigma, pi, "lm" if task == "invert-lm" else "squarem")
    else:
        answer = prices(folder, name, processes)
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
