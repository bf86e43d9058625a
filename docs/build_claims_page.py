"""Write the tables and answers of docs/claims.md and docs/results.md, from benchmarks/results/suite.json: `make docs`.

`segarena suite` writes suite.json into the folder of a suite, from which it is copied there.
"""

from __future__ import annotations

from pathlib import Path

from sections import insert

from segarena.files import read_json, write_text
from segarena.formats import join_words, listing, milliseconds, plural
from segarena.records.suite import SuiteDifference, SuiteRecord
from segarena.reporting.differences import signed_points, to_text
from segarena.reporting.suite_tables import score_table, setting_table
from segarena.reporting.suite_words import (
    describe_groups,
    describe_power,
    describe_test,
    describe_wins,
    labels_of,
)
from segarena.reporting.text_tables import to_markdown
from segarena.scoring.suite import one_pair, one_score

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results" / "suite.json"
#: The pages, and their generated parts.
PAGES = {
    Path(__file__).parent / "claims.md": (
        *("setting", "scores", "fcn", "unet", "pspnet", "deeplabv3", "ranks", "notes"),
    ),
    Path(__file__).parent / "results.md": ("suite",),
}
#: The domain of the data sets that the claim about U-Net is about.
MEDICAL = "medical"


def main() -> None:
    record = read()
    for page, names in PAGES.items():
        write_text(page, insert(page.read_text(encoding="utf-8"), sections(record, names)))


def read() -> SuiteRecord:
    """The measured results."""
    return SuiteRecord.from_json(read_json(RESULTS), RESULTS)


def sections(record: SuiteRecord, names: tuple[str, ...]) -> dict[str, str]:
    """The generated parts of a page, by name."""
    makers = {
        "setting": setting,
        "scores": scores,
        "fcn": fcn,
        "unet": unet,
        "pspnet": lambda found: rivals(found, "pspnet"),
        "deeplabv3": deeplabv3,
        "ranks": ranks,
        "notes": lambda found: "".join(f"- {text}\n" for text in found.notes),
        "suite": results,
    }
    return {name: makers[name](record) for name in names}


def setting(record: SuiteRecord) -> str:
    """A row for each data set, and what computed."""
    titles, rows = setting_table(record)
    domains = {one.name: one.domain or "" for one in record.data_sets}
    lines = [[name, domains[name], *cells] for name, cells in rows]
    machines = list(dict.fromkeys(one.processor for one in record.data_sets))
    return table(["data set", "images", *titles], lines) + f"\nComputed on: {join_words(machines)}.\n"


def scores(record: SuiteRecord) -> str:
    return to_markdown(score_table(record), first=["data set"])


def results(record: SuiteRecord) -> str:
    """The scores with what the tests show."""
    return f"{scores(record)}\n{record.headline} {' '.join(record.details)}\n"


def fcn(record: SuiteRecord) -> str:
    """Whether FCN is faster, and whether it is less accurate."""
    if not has(record, "fcn"):
        return missing("fcn")
    labels, fastest = labels_of(record.models), []
    for one in record.data_sets:
        if min(one.scores, key=lambda score: score.latency_ms).model == "fcn":
            fastest.append(one.name)
    rows = [
        [
            one.name,
            *(milliseconds(one_score(one, entry.model).latency_ms) for entry in record.models),
        ]
        for one in record.data_sets
    ]
    ratios = ["multiple of the fastest", *(ratio(entry.latency_ratio) for entry in record.models)]
    trainings = ["training, multiple of the fastest", *(ratio(entry.train_ratio) for entry in record.models)]
    speed = table(["latency", *labels.values()], [*rows, ratios, trainings])
    number = plural(len(record.data_sets), "data set")
    where = "" if not fastest or len(fastest) == len(record.data_sets) else f" ({listing(fastest)})"
    first = f"**Fast.** FCN has the lowest latency on {len(fastest)} of {number}{where}.\n"
    return f"{first}\n{speed}\n**Less accurate.** The other models minus FCN:\n\n{rivals(record, 'fcn', sign=-1)}"


def unet(record: SuiteRecord) -> str:
    """Whether U-Net is ahead on medical images."""
    if not has(record, "unet"):
        return missing("unet")
    medical = [one for one in record.data_sets if (one.domain or "").lower() == MEDICAL]
    if not medical:
        names = [f"{one.name} ({one.domain})" if one.domain else one.name for one in record.data_sets]
        head = (
            f"**Not tested.** None of these data sets has medical images: {join_words(names)}. So there is no "
            "answer to this claim here. U-Net on the other images:\n"
        )
        return f"{head}\n{rivals(record, 'unet')}"
    named = [one.name for one in medical if one.best == "unet"]
    on = f", {listing(named)}" if named else ""
    head = f"The verdict names U-Net on {len(named)} of {plural(len(medical), 'medical data set')}{on}.\n"
    labels = labels_of(record.models)
    others = [entry.model for entry in record.models if entry.model != "unet"]
    lines = [
        [f"{one.name}{' (medical)' if one in medical else ''}", *(on_one(record, one.name, "unet", m) for m in others)]
        for one in record.data_sets
    ]
    return f"{head}\n{table(['U-Net minus', *(labels[name] for name in others)], lines)}\n{rivals(record, 'unet')}"


def deeplabv3(record: SuiteRecord) -> str:
    if not has(record, "deeplabv3"):
        return missing("deeplabv3")
    place = [entry.model for entry in record.models].index("deeplabv3") + 1
    [entry] = [entry for entry in record.models if entry.model == "deeplabv3"]
    won = entry.wins + entry.network_wins
    head = f"Its mean rank is {entry.mean_rank:.2f}, place {place} of {len(record.models)}; "
    head += f"the verdict names it on {won} of {plural(len(record.data_sets), 'data set')}.\n"
    return f"{head}\n{rivals(record, 'deeplabv3')}"


def rivals(record: SuiteRecord, model: str, sign: int = 1) -> str:
    """The differences of a model to each other one, and what they show; `sign` -1: the others minus the model."""
    if not has(record, model):
        return missing(model)
    labels, lines = labels_of(record.models), []
    answers: dict[str, list[str]] = {}
    for entry in record.models:
        if entry.model == model:
            continue
        upper, lower = (model, entry.model) if sign > 0 else (entry.model, model)
        pair = oriented(record, upper, lower)
        known = pair.low is not None and pair.high is not None
        interval = to_text(pair.low or 0.0, pair.high or 0.0) if known else "–"
        lines.append(
            [
                f"{labels[upper]} minus {labels[lower]}",
                signed_points(pair.mean_difference),
                interval,
                counted(pair.first_higher, pair.first_networks),
                counted(pair.second_higher, pair.second_networks),
                str(pair.undecided + pair.equal),
            ]
        )
        answers.setdefault(judge(pair), []).append(labels[entry.model])
    titles = ["points of mIoU", "mean", "95% interval", "first higher", "second higher", "neither"]
    parts = [f"{words} against {join_words(answers[words])}" for words in JUDGEMENTS if words in answers]
    sentence = f"Over {plural(len(record.data_sets), 'data set')}: {'; '.join(parts)}."
    return f"{table(titles, lines)}\n**{sentence}**\n"


JUDGEMENTS = ("supported", "contradicted", "not shown")


def judge(pair: SuiteDifference) -> str:
    """Whether the first model of a pair is ahead over the data sets."""
    if pair.low is not None and pair.low > 0:
        return JUDGEMENTS[0]
    return JUDGEMENTS[1] if pair.high is not None and pair.high < 0 else JUDGEMENTS[2]


def oriented(record: SuiteRecord, first: str, second: str) -> SuiteDifference:
    """The pair of two models, as the first minus the second."""
    [pair] = [pair for pair in record.differences if {pair.first, pair.second} == {first, second}]
    if pair.first == first:
        return pair
    return SuiteDifference(
        first=first,
        second=second,
        rank_difference=-pair.rank_difference,
        distinguished=pair.distinguished,
        mean_difference=-pair.mean_difference,
        low=None if pair.high is None else -pair.high,
        high=None if pair.low is None else -pair.low,
        first_higher=pair.second_higher,
        second_higher=pair.first_higher,
        first_networks=pair.second_networks,
        second_networks=pair.first_networks,
        equal=pair.equal,
        undecided=pair.undecided,
        train_ratio=None if pair.train_ratio is None else 1 / pair.train_ratio,
        latency_ratio=None if pair.latency_ratio is None else 1 / pair.latency_ratio,
    )


def on_one(record: SuiteRecord, data_set: str, first: str, second: str) -> str:
    """The difference of two models on one data set, with its interval and what its own test shows."""
    [one] = [one for one in record.data_sets if one.name == data_set]
    pair = one_pair(one, first, second)
    sign = 1 if pair.first == first else -1
    text = signed_points(sign * pair.difference)
    if pair.low is not None and pair.high is not None:
        text += f" ({to_text(*sorted((sign * pair.low, sign * pair.high)))})"
    words = {"higher": "higher" if sign > 0 else "lower", "networks": "networks only"}.get(pair.status, pair.status)
    return f"{text}, {words}"


def ranks(record: SuiteRecord) -> str:
    """What the tests of the mean ranks show."""
    wins = describe_wins(record.models, record.data_sets)
    if record.test is None:
        return f"{record.headline} {wins}\n"
    labels = labels_of(record.models)
    lines = [
        [labels[entry.model], f"{entry.mean_rank:.2f}", f"{100 * entry.mean_miou:.1f}%", str(entry.wins)]
        for entry in record.models
    ]
    words = [
        describe_test(record.test),
        describe_groups(record.models, record.test),
        describe_power(record.test, len(record.models), len(record.data_sets)),
        wins,
    ]
    return f"{table(['model', 'mean rank', 'mean mIoU', 'wins'], lines)}\n{' '.join(words)}\n"


def counted(architectures: int, networks: int) -> str:
    return f"{architectures} (+{networks} networks only)" if networks else str(architectures)


def ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} ×"


def has(record: SuiteRecord, model: str) -> bool:
    return any(entry.model == model for entry in record.models)


def missing(model: str) -> str:
    return f"Not measured: {model} is not in the suite.\n"


def table(header: list[str], lines: list[list[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    rows = [header, ["---", *["---:"] * (len(header) - 1)], *lines]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


if __name__ == "__main__":
    main()
