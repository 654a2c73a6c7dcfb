/* The commands, one file each (cmd_*.c). */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cli.h"

extern const cli_command cli_harvest, cli_train, cli_eval, cli_encode, cli_decode, cli_compare, cli_stitch, cli_meta,
    cli_latents, cli_dash, cli_dash_export, cli_serve, cli_convert, cli_inspect, cli_bench;

#endif
