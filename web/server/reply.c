#include "web/server/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define WORTH_ZIPPING 1400 /* bytes; less fits one packet anyway */
#define ZIP_LEVEL     5    /* a latent page in about 2 ms; level 9 saves 2 % more */

void web_reply_clear(web_reply *reply)
{
    if (reply->owned) free(reply->body);
    *reply = (web_reply){0};
}

void web_reply_json(web_reply *reply, int status, json_t *value)
{
    static const char no_memory[] = "{\"error\":{\"code\":\"memory\",\"message\":\"out of memory\"}}";
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(value);
    web_reply_clear(reply);
    if (text)
        *reply =
            (web_reply){.status = status, .type = WEB_TYPE_JSON, .body = text, .size = strlen(text), .owned = true};
    else
        *reply = (web_reply){.status = WEB_FAILED,
                             .type = WEB_TYPE_JSON,
                             .body = (char *)(size_t)no_memory,
                             .size = sizeof no_memory - 1};
}

void web_reply_error(web_reply *reply, int status, const char *code, const char *message)
{
    json_t *text = json_string(message); /* NULL if something that is no UTF-8 found its way into the message */
    if (!text) text = json_string("the message of this error cannot be shown");
    web_reply_json(reply, status, json_pack("{s:{s:s,s:o}}", "error", "code", code, "message", text));
}

void web_reply_failure(web_reply *reply, const sae_error *err)
{
    switch (err->status) {
    case SAE_E_ARG:
        web_reply_error(reply, WEB_BAD_REQUEST, "wrong_argument", err->message);
        break;
    case SAE_E_SHAPE:
    case SAE_E_VALUE:
        web_reply_error(reply, WEB_BAD_REQUEST, "does_not_fit", err->message);
        break;
    case SAE_E_EXISTS:
        web_reply_error(reply, WEB_CONFLICT, "exists", err->message);
        break;
    case SAE_E_UNSUPPORTED:
        web_reply_error(reply, WEB_UNAVAILABLE, "not_available", err->message);
        break;
    default:
        web_reply_error(reply, WEB_FAILED, "failed", err->message);
        break;
    }
}

void web_reply_tag(web_reply *reply)
{
    unsigned long crc = crc32_z(0, (const unsigned char *)reply->body, reply->size);
    unsigned long adler = adler32_z(1, (const unsigned char *)reply->body, reply->size);
    snprintf(reply->etag, sizeof reply->etag, "\"%08lx%08lx\"", crc & 0xFFFFFFFFul, adler & 0xFFFFFFFFul);
}

char *web_gzip(const void *data, size_t size, size_t *zipped)
{
    z_stream stream = {.next_in = (unsigned char *)(size_t)data, .avail_in = (unsigned)size};
    enum { GZIP_FORMAT = 15 + 16, MEMORY = 8 };
    if (size > 1u << 30) return NULL;
    if (deflateInit2(&stream, ZIP_LEVEL, Z_DEFLATED, GZIP_FORMAT, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) return NULL;
    size_t room = deflateBound(&stream, (unsigned long)size);
    char *out = malloc(room);
    stream.next_out = (unsigned char *)out;
    stream.avail_out = (unsigned)room;
    bool done = out && deflate(&stream, Z_FINISH) == Z_STREAM_END;
    *zipped = stream.total_out;
    deflateEnd(&stream);
    if (done) return out;
    free(out);
    return NULL;
}

void web_reply_zip(web_reply *reply)
{
    size_t zipped;
    if (reply->zipped || reply->size < WORTH_ZIPPING) return;
    char *body = web_gzip(reply->body, reply->size, &zipped);
    if (!body) return; /* then it goes as it is */
    if (reply->owned) free(reply->body);
    reply->body = body;
    reply->size = zipped;
    reply->owned = reply->zipped = true;
}

void web_reply_unchanged(web_reply *reply)
{
    char etag[WEB_ETAG_SIZE];
    memcpy(etag, reply->etag, sizeof etag);
    web_reply_clear(reply);
    reply->status = WEB_NOT_MODIFIED;
    memcpy(reply->etag, etag, sizeof etag);
}
