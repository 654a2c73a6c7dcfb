/* sae serve: a dashboard database as a local web application. */
#include "cli/commands.h"

#include "web/server/server.h"

#include <stdlib.h>

static const sae_option *options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "port",
         .type = SAE_OPT_INT,
         .offset = offsetof(web_config, port),
         .metavar = "N",
         .default_text = "8000",
         .min = 0,
         .max = 65535,
         .help = "port to listen on; 0 takes a free one"},
        {.name = "host",
         .type = SAE_OPT_STRING,
         .offset = offsetof(web_config, host),
         .metavar = "ADDRESS",
         .default_text = "127.0.0.1",
         .help = "address to listen on, in numbers; any other than the default lets other machines in"},
        {.name = "model",
         .type = SAE_OPT_STRING,
         .offset = offsetof(web_config, model),
         .metavar = "DIR",
         .help = "language model, to see which latents fire on a text that is typed in"},
        {.name = "labels",
         .type = SAE_OPT_STRING,
         .offset = offsetof(web_config, labels),
         .metavar = "FILE",
         .help = "database of labels and lists, made if missing; without it they cannot be written"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static void defaults(void *out)
{
    web_config *config = out;
    config->port = 8000;
    config->host = "127.0.0.1";
}

static sae_status run(cli_app *app, const void *settings, const char *const *words, sae_error *err)
{
    web_config config = *(const web_config *)settings;
    web_server *server = NULL;
    config.database = words[0];
    sae_status status = web_server_start(&server, &config, &app->env, err);
    if (status != SAE_OK) return status;
    if (!web_address_is_local(config.host))
        cli_warn(app, "%s can be reached from other machines: whoever does may read %s and write labels", config.host,
                 config.database);
    cli_say(app, "%s is at %s (Ctrl-C ends it)", config.database, web_server_url(server));
    web_server_wait(server);
    web_server_stop(server);
    return SAE_OK;
}

static const char *const usage[] = {"FILE.db [--port N] [--model DIR] [--labels FILE]", NULL};
static const cli_note arguments[] = {{"FILE.db", "what sae dash wrote; it is only read"}};
static const cli_group groups[] = {{"What to serve", options, 0}};
static const cli_note examples[] = {
    {"latents.db", "Look at latents in a browser"},
    {"latents.db --model demo/model --labels labels.db",
     "Try texts of your own, and write down what latents stand for"},
};

const cli_command cli_serve = {
    .name = "serve",
    .summary = "look at latents in a browser",
    .usage = usage,
    .description =
        "Shows a database of sae dash as a web application: tables of latents, each latent with its texts, two latents "
        "side by side, comparisons and stitchings. It listens on this machine only, loads nothing from elsewhere, and "
        "runs until Ctrl-C.",
    .arguments = arguments,
    .n_arguments = CLI_COUNT(arguments),
    .min_words = 1,
    .max_words = 1,
    .groups = groups,
    .n_groups = CLI_COUNT(groups),
    .settings_size = sizeof(web_config),
    .defaults = defaults,
    .examples = examples,
    .n_examples = CLI_COUNT(examples),
    .run = run,
};
