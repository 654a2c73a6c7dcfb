/* An answer: status, type and bytes. */
#ifndef WEB_REPLY_H
#define WEB_REPLY_H

#include <jansson.h>
#include <sae/status.h>
#include <stdbool.h>
#include <stddef.h>

#define WEB_ETAG_SIZE 32

/* Statuses that are used. */
enum {
    WEB_OK = 200,
    WEB_NOT_MODIFIED = 304,
    WEB_BAD_REQUEST = 400,
    WEB_FORBIDDEN = 403,
    WEB_NOT_FOUND = 404,
    WEB_NO_METHOD = 405,
    WEB_CONFLICT = 409,
    WEB_TOO_LARGE = 413,
    WEB_WRONG_TYPE = 415,
    WEB_FAILED = 500,
    WEB_UNAVAILABLE = 501
};

typedef struct web_reply {
    int status;
    const char *type;
    char *body; /* malloc'ed if `owned`, else it lives as long as the server */
    size_t size;
    bool owned, zipped;
    char etag[WEB_ETAG_SIZE]; /* of the content before compression */
} web_reply;

#define WEB_TYPE_JSON "application/json; charset=utf-8"

/* Takes `value` (NULL: memory ran out while it was built). */
void web_reply_json(web_reply *reply, int status, json_t *value);
/* {"error":{"code","message"}} */
void web_reply_error(web_reply *reply, int status, const char *code, const char *message);
/* The same for an error of the library: a missing thing is 404, a wrong argument 400, and so on. */
void web_reply_failure(web_reply *reply, const sae_error *err);
/* Computes the ETag. */
void web_reply_tag(web_reply *reply);
/* Compresses the body if that pays. */
void web_reply_zip(web_reply *reply);
/* A 304 in its place. */
void web_reply_unchanged(web_reply *reply);
void web_reply_clear(web_reply *reply);

/* malloc'ed gzip file of data; NULL when out of memory. */
char *web_gzip(const void *data, size_t size, size_t *zipped);

#endif
