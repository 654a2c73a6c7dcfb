#!/usr/bin/env python3
"""What `sae dash export --format neuronpedia` writes, loaded by its load.sql into a real PostgreSQL.

The tables have the columns, types and keys of Neuronpedia's that the files fill, and the references between them. Needs
PostgreSQL's server (Debian: postgresql), of which it starts one of its own, without a network, in a scratch folder.

    neuronpedia_parity.py BUILD
"""

import glob
import gzip
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from common import Report

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "demo/model"
NAMES = ["--model-id", "gpt2-small", "--source-id", "4-res-mine"]
# What a token may hold: markup, a quote and a delimiter of the loader, NUL, bytes that are no UTF-8.
HOSTILE = b"</script><script>\n\"quoted\" \\n {1,2}\t\x01\x02\n a\0b \xe2\x28 \xff na\xc3\xafve \xf0\x9f\x98\x80\n"

TABLES = """
CREATE TYPE "Visibility" AS ENUM('PRIVATE', 'UNLISTED', 'PUBLIC');
CREATE TABLE "SourceRelease"(name text PRIMARY KEY, description text NOT NULL, "descriptionShort" text, "creatorName" text NOT NULL,
  "creatorNameShort" text, "creatorId" text NOT NULL, "creatorEmail" text, urls text[] NOT NULL, visibility "Visibility" NOT NULL DEFAULT 'PRIVATE',
  "isNewUi" boolean NOT NULL, featured boolean NOT NULL, "defaultSourceSetName" text, "defaultSourceId" text,
  "createdAt" timestamp NOT NULL DEFAULT now());
CREATE TABLE "Model"(id text PRIMARY KEY, instruct boolean NOT NULL, "creatorId" text NOT NULL, "displayNameShort" text NOT NULL,
  "displayName" text NOT NULL, "tlensId" text, dimension integer, visibility "Visibility" NOT NULL DEFAULT 'PRIVATE', "defaultSourceSetName" text,
  "defaultSourceId" text, "inferenceEnabled" boolean NOT NULL, layers integer NOT NULL, "neuronsPerLayer" integer NOT NULL, owner text NOT NULL,
  website text, "createdAt" timestamp NOT NULL DEFAULT now(), "updatedAt" timestamp NOT NULL DEFAULT now());
CREATE TABLE "SourceSet"("modelId" text REFERENCES "Model"(id), name text, "creatorId" text NOT NULL, "hasDashboards" boolean NOT NULL,
  visibility "Visibility" NOT NULL DEFAULT 'PRIVATE', description text NOT NULL, type text NOT NULL, "creatorName" text NOT NULL, "creatorEmail" text, urls text[] NOT NULL,
  "releaseName" text REFERENCES "SourceRelease"(name), "defaultRange" integer NOT NULL, "defaultShowBreaks" boolean NOT NULL,
  "showDfa" boolean NOT NULL, "showCorrelated" boolean NOT NULL, "showHeadAttribution" boolean NOT NULL, "showUmap" boolean NOT NULL,
  "createdAt" timestamp NOT NULL DEFAULT now(), PRIMARY KEY("modelId", name));
CREATE TABLE "Source"(id text, "modelId" text, "setName" text NOT NULL, "creatorId" text NOT NULL, "hasDashboards" boolean NOT NULL,
  "inferenceEnabled" boolean NOT NULL, visibility "Visibility" NOT NULL DEFAULT 'PRIVATE', num_prompts integer, num_tokens_in_prompt integer, dataset text,
  "createdAt" timestamp NOT NULL DEFAULT now(), PRIMARY KEY("modelId", id),
  FOREIGN KEY("modelId", "setName") REFERENCES "SourceSet"("modelId", name));
CREATE TABLE "Neuron"("modelId" text, layer text, "index" text, "sourceSetName" text, "creatorId" text NOT NULL,
  "createdAt" timestamp NOT NULL DEFAULT now(), "maxActApprox" double precision, "hasVector" boolean NOT NULL, vector double precision[],
  "hookName" text, "topkCosSimIndices" integer[], "topkCosSimValues" double precision[], neuron_alignment_indices integer[],
  neuron_alignment_values double precision[], neuron_alignment_l1 double precision[], correlated_neurons_indices integer[],
  correlated_neurons_pearson double precision[], correlated_neurons_l1 double precision[], correlated_features_indices integer[],
  correlated_features_pearson double precision[], correlated_features_l1 double precision[], neg_str text[], neg_values double precision[],
  pos_str text[], pos_values double precision[], frac_nonzero double precision NOT NULL, freq_hist_data_bar_heights double precision[],
  freq_hist_data_bar_values double precision[], logits_hist_data_bar_heights double precision[],
  logits_hist_data_bar_values double precision[], decoder_weights_dist double precision[], PRIMARY KEY("modelId", layer, "index"),
  FOREIGN KEY("modelId", layer) REFERENCES "Source"("modelId", id),
  FOREIGN KEY("modelId", "sourceSetName") REFERENCES "SourceSet"("modelId", name));
CREATE TABLE "Activation"(id text PRIMARY KEY, tokens text[] NOT NULL, "index" text, layer text, "modelId" text, "maxValue" double precision NOT NULL,
  "maxValueTokenIndex" integer NOT NULL, "minValue" double precision NOT NULL, "values" double precision[] NOT NULL, "creatorId" text NOT NULL,
  "createdAt" timestamp NOT NULL DEFAULT now(), "dataSource" text, "dataIndex" text, "lossValues" double precision[],
  "binMin" double precision, "binMax" double precision, "binContains" double precision, "qualifyingTokenIndex" integer,
  FOREIGN KEY("modelId", layer, "index") REFERENCES "Neuron"("modelId", layer, "index"));
"""


class Server:
    """A PostgreSQL of one's own that listens at a socket in a folder alone."""

    def __init__(self, folder):
        found = shutil.which("initdb") or max(glob.glob("/usr/lib/postgresql/*/bin/initdb"), default=None)
        if not found:
            sys.exit("PostgreSQL's server is missing: apt-get install postgresql")
        self.bin, self.folder = Path(found).parent, folder
        folder.mkdir()
        # the server does not run as root
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
            folder.parent.chmod(0o755)
        self.call("initdb", "-D", folder / "data", "-A", "trust", "-E", "UTF8", "--locale=C")
        self.call("pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", f"-c listen_addresses= -k {folder}", "start")

    def call(self, program, *words):
        extra = {"user": self.user} if os.getuid() == 0 else {}
        done = subprocess.run([str(self.bin / program), *map(str, words)], capture_output=True, text=True, cwd=self.folder, **extra)
        if done.returncode:
            sys.exit(f"{program} failed: {done.stderr}")

    def sql(self, *words, cwd=None, text=None):
        """(status, stdout, stderr) of psql."""
        done = subprocess.run(["psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-U", self.user, "-d", "postgres",
                               *words], input=text, capture_output=True, text=True, cwd=cwd)
        return done.returncode, done.stdout, done.stderr

    def rows(self, query):
        status, out, err = self.sql(text=f"SELECT row_to_json(r) FROM ({query}) r;")
        if status:
            sys.exit(err)
        return [json.loads(line) for line in out.splitlines()]

    def stop(self):
        self.call("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")


def make(build, tmp):
    """An export of an SAE with some dead latents, on a text that means harm."""
    def run(*words):
        subprocess.run([build / "sae", *map(str, words)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp)

    pages = b"\n".join(p.read_bytes() for p in sorted((ROOT / "docs").glob("*.md")))
    (tmp / "text.txt").write_bytes(HOSTILE * 12 + pages)
    run("harvest", "--model", MODEL, "--layer", 4, "--text", "text.txt", "--max-tokens", "6k", "--out", "acts")
    run("train", "--acts", "acts", "--batch", 256, "--width", 160, "--k", 4, "--tokens", "20k", "--out", "sae")
    run("dash", "sae", "--acts", "acts", "--model", MODEL, "--ce-tokens", 0, "--out", "sae.db")
    run("dash", "export", "sae.db", "--format", "neuronpedia", *NAMES, "--out", "np")
    return tmp / "np"


def lines_of(folder, name):
    return [json.loads(line) for file in sorted((folder / name).glob("*.gz")) for line in gzip.open(file, "rt", encoding="utf-8")]


def same(row, line):
    return all(row.get(key) == value for key, value in line.items())


def main():
    r = Report()
    build = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        folder = make(build, tmp)
        server = Server(tmp / "pg")
        try:
            r.line("the tables are made", server.sql(text=TABLES)[0] == 0)
            status, _, err = server.sql("-f", "load.sql", cwd=folder)
            r.line("load.sql runs", status == 0, err.strip())
            for table, name in (("SourceRelease", "release"), ("Model", "model"), ("SourceSet", "sourceset"), ("Source", "source")):
                rows, line = server.rows(f'SELECT * FROM "{table}"'), json.loads((folder / f"config/{name}.jsonl").read_text())
                r.line(f"{table}: all keys of {name}.jsonl are columns, with their values", len(rows) == 1 and same(rows[0], line))
            for table, name, key in (("Neuron", "features", "index"), ("Activation", "activations", "id")):
                rows, lines = {row[key]: row for row in server.rows(f'SELECT * FROM "{table}"')}, lines_of(folder, name)
                r.line(f"{table}: every line is a row", len(rows) == len(lines) > 100, f"{len(rows)} of {len(lines)}")
                good = sum(same(rows.get(line[key], {}), line) for line in lines)
                r.line(f"{table}: every value is that of the file", good == len(lines), f"{good} of {len(lines)}")
            strongest = server.rows('SELECT n."maxActApprox" AS m, max(a."maxValue") AS x FROM "Neuron" n JOIN "Activation" a '
                                    'USING("modelId", layer, "index") GROUP BY 1, n."index"')
            r.line("the strongest text of each latent has its maximum", all(abs(s["m"] - s["x"]) <= 1e-4 * s["m"] for s in strongest), f"{len(strongest)} latents")
            texts = "".join("".join(row["tokens"]) for row in server.rows('SELECT tokens FROM "Activation"'))
            for word in ("</script><script>", "na\u00efve", "\U0001f600", "\ufffd"):
                r.line(f"tokens that mean harm arrive as they are: {word!r}", word in texts)
            status, _, err = server.sql("-f", "load.sql", cwd=folder)
            counts = server.rows('SELECT (SELECT count(*) FROM "Neuron") AS n, (SELECT count(*) FROM "Activation") AS a')[0]
            r.line("loading again changes nothing", status == 0 and counts == {"n": 160, "a": len(lines)}, err.strip())
        finally:
            server.stop()
    r.finish()


if __name__ == "__main__":
    main()
