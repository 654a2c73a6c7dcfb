#include "web/server/exchange.h"

#include "web/server/fail.h"
#include "web/server/guard.h"
#include "web/server/route.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

web_exchange *web_exchange_new(const char *raw_target)
{
    web_exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange) web_target_parse(&exchange->target, raw_target, &exchange->bad_target);
    return exchange;
}

void web_exchange_free(web_exchange *exchange)
{
    if (!exchange) return;
    web_target_clear(&exchange->target);
    free(exchange->body);
    free(exchange);
}

void web_exchange_receive(web_exchange *exchange, const char *data, size_t size)
{
    if (!exchange->body) exchange->body = malloc(WEB_BODY_BYTES);
    if (!exchange->body || size > WEB_BODY_BYTES - exchange->body_size) {
        exchange->too_large = true;
        return;
    }
    memcpy(exchange->body + exchange->body_size, data, size);
    exchange->body_size += size;
}

/* ---- refusals --------------------------------------------------------------------------------------------- */

static bool is_reading(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static bool is_writing(const char *method)
{
    return strcmp(method, "PUT") == 0 || strcmp(method, "POST") == 0 || strcmp(method, "DELETE") == 0;
}

static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    if (!type || strncasecmp(type, json, sizeof json - 1) != 0) return false;
    char after = type[sizeof json - 1];
    return after == 0 || after == ';' || after == ' ';
}

/* Takes the same time wherever the first difference stands. */
static bool same_token(const char *a, const char *b)
{
    unsigned difference = 0;
    if (!a || strlen(a) != strlen(b)) return false;
    for (size_t i = 0; b[i]; i++) difference |= (unsigned)(a[i] ^ b[i]);
    return difference == 0;
}

static bool refuse(web_reply *reply, int status, const char *code, const char *message)
{
    web_reply_error(reply, status, code, message);
    return true;
}

bool web_exchange_refuse(const web_exchange *exchange, const web_headers *h, const web_app *app, web_reply *reply)
{
    if (!web_host_is_local(h->host))
        return refuse(reply, WEB_FORBIDDEN, "wrong_host",
                      "this server answers to localhost and to addresses in numbers, not to other names of hosts");
    if (exchange->bad_target.status != SAE_OK) {
        web_reply_failure(reply, &exchange->bad_target);
        return true;
    }
    bool writing = is_writing(h->method);
    if (!writing && !is_reading(h->method))
        return refuse(reply, WEB_NO_METHOD, "no_such_method", "the methods are GET, HEAD, POST, PUT and DELETE");
    if (!web_origin_matches(h->origin, h->host, writing))
        return refuse(reply, WEB_FORBIDDEN, "wrong_origin", "requests may only come from pages of this server");
    if (h->site && strcmp(h->site, "cross-site") == 0 && exchange->target.n_segments > 0 &&
        strcmp(exchange->target.segments[0], "api") == 0)
        return refuse(reply, WEB_FORBIDDEN, "wrong_origin", "requests may only come from pages of this server");
    if (!writing) return false;
    if (!is_json(h->type)) return refuse(reply, WEB_WRONG_TYPE, "wrong_type", "what is sent must be application/json");
    if (!same_token(h->token, app->token))
        return refuse(reply, WEB_FORBIDDEN, "wrong_token",
                      "the page is from an earlier start of the server; reload it");
    return false;
}

/* ---- answers ---------------------------------------------------------------------------------------------- */

static void answer_asset(const web_assets *assets, const char *name, int status, const web_headers *h, web_reply *reply)
{
    web_asset_view file;
    if (!web_assets_find(assets, name, &file)) {
        web_reply_error(reply, WEB_NOT_FOUND, "not_found", "there is no such file");
        return;
    }
    bool zipped = h->takes_gzip && file.zipped && file.zipped_size < file.plain_size;
    *reply = (web_reply){.status = status,
                         .type = file.type,
                         .body = (char *)(size_t)(zipped ? file.zipped : file.plain),
                         .size = zipped ? file.zipped_size : file.plain_size,
                         .zipped = zipped};
    memcpy(reply->etag, file.etag, sizeof reply->etag);
}

static sae_status read_body(const web_exchange *exchange, json_t **body, sae_error *err)
{
    json_error_t error;
    if (exchange->body_size == 0) return SAE_OK;
    *body = json_loadb(exchange->body, exchange->body_size, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(*body)) return SAE_OK;
    return sae_fail(err, SAE_E_ARG, "what was sent is not one JSON object: %.200s",
                    *body ? "another value" : error.text);
}

static void answer_api(const web_exchange *exchange, const web_headers *h, web_app *app, web_reply *reply)
{
    sae_error err = {0};
    json_t *body = NULL, *value = NULL;
    bool known;
    web_request request = {.app = app, .target = &exchange->target};
    const char *method = strcmp(h->method, "HEAD") == 0 ? "GET" : h->method;
    const web_route *route = web_route_find(web_routes, method, &exchange->target, &request, &known);
    if (!route) {
        if (known)
            web_reply_error(reply, WEB_NO_METHOD, "no_such_method", "this address has no such method");
        else
            web_reply_error(reply, WEB_NOT_FOUND, "not_found", "the API has no such address");
        return;
    }
    sae_status status = read_body(exchange, &body, &err);
    request.body = body;
    if (status == SAE_OK) status = route->handler(&request, &value, &err);
    if (status == SAE_OK)
        web_reply_json(reply, WEB_OK, value);
    else if (request.missing)
        web_reply_error(reply, WEB_NOT_FOUND, "not_found", err.message);
    else
        web_reply_failure(reply, &err);
    json_decref(body);
}

void web_exchange_answer(const web_exchange *exchange, const web_headers *h, web_app *app, const web_assets *assets,
                         web_reply *reply)
{
    const web_target *target = &exchange->target;
    const char *first = target->n_segments > 0 ? target->segments[0] : "";
    if (exchange->too_large) {
        web_reply_error(reply, WEB_TOO_LARGE, "too_large", "what is sent may have at most 64 KB");
    } else if (strcmp(first, "api") == 0) {
        answer_api(exchange, h, app, reply);
    } else if (is_writing(h->method)) {
        web_reply_error(reply, WEB_NO_METHOD, "no_such_method", "pages are only read");
    } else if (strcmp(first, "assets") == 0 && target->n_segments == 2) {
        answer_asset(assets, target->segments[1], WEB_OK, h, reply);
    } else if (strcmp(first, "favicon.ico") == 0) {
        answer_asset(assets, "icon.svg", WEB_OK, h, reply);
    } else {
        answer_asset(assets, "index.html", web_route_is_page(target) ? WEB_OK : WEB_NOT_FOUND, h, reply);
    }
    if (reply->status != WEB_OK) return;
    if (!reply->etag[0]) web_reply_tag(reply);
    if (h->if_none_match && strstr(h->if_none_match, reply->etag))
        web_reply_unchanged(reply);
    else if (h->takes_gzip)
        web_reply_zip(reply);
}
