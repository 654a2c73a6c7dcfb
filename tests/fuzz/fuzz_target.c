/* The target of a request: what is accepted is bounded, decoded and valid UTF-8, and its readers take anything. */
#include "fuzz/target.h"

#include "web/server/guard.h"
#include "web/server/target.h"
#include "web/server/utf8.h"

#include <string.h>

static void check_text(const web_target *target, const char *text, size_t room)
{
    REQUIRE(text >= target->text && text < target->text + room);
    REQUIRE(web_utf8_valid(text, strlen(text)));
    for (const char *c = text; *c; c++) REQUIRE((unsigned char)*c >= ' ' || *c == '\n' || *c == '\t');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[] = {"asc", "desc", NULL};
    char *raw = malloc(size + 2);
    REQUIRE(raw);
    raw[0] = '/'; /* most inputs would end at the first byte */
    memcpy(raw + 1, data, size);
    raw[size + 1] = 0;
    size_t room = strlen(raw) + WEB_TARGET_PARAMS + 2;
    web_target target;
    sae_error err = {0};
    sae_status status = web_target_parse(&target, raw, &err);
    if (status == SAE_OK) {
        REQUIRE(target.n_segments <= WEB_TARGET_SEGMENTS && target.n_params <= WEB_TARGET_PARAMS);
        for (size_t i = 0; i < target.n_segments; i++) check_text(&target, target.segments[i], room);
        for (size_t i = 0; i < target.n_params; i++) {
            const char *name = target.params[i].name;
            int64_t whole = 3;
            double real = 0.5;
            int choice = 0;
            check_text(&target, name, room);
            check_text(&target, target.params[i].value, room);
            REQUIRE(web_target_text(&target, name) == target.params[i].value);
            web_target_int(&target, name, -5, 5, &whole, &err);
            web_target_real(&target, name, -5, 5, &real, &err);
            web_target_choice(&target, name, words, &choice, &err);
            REQUIRE(whole >= -5 && whole <= 5 && real >= -5 && real <= 5 && choice >= 0 && choice < 2);
        }
    } else {
        REQUIRE(err.status == status && strlen(err.message) > 0);
    }
    web_host_is_local(raw + 1);
    web_target_clear(&target);
    free(raw);
    return 0;
}
