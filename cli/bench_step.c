#include "cli/bench_step.h"

void cli_bench_step_json(cli_json *json, const sae_bench_step *b)
{
    cli_json_object(json, "seconds");
    cli_json_real(json, "encode", b->encode);
    cli_json_real(json, "select", b->select);
    cli_json_real(json, "decode", b->decode);
    cli_json_real(json, "aux", b->aux);
    cli_json_real(json, "update", b->update);
    cli_json_real(json, "total", b->total);
    cli_json_end(json);
    cli_json_real(json, "sgemm", b->sgemm);
    cli_json_real(json, "ratio", b->ratio);
    cli_json_real(json, "survivors", b->survivors);
    cli_json_real(json, "update_bytes", b->update_bytes);
    cli_json_real(json, "update_share", b->update_share);
    cli_json_real(json, "memory_limit", b->memory_limit);
    cli_json_real(json, "tokens_per_s", b->tokens_per_s);
    if (b->peak_bytes >= 0)
        cli_json_int(json, "peak_bytes", b->peak_bytes);
    else
        cli_json_null(json, "peak_bytes");
}
