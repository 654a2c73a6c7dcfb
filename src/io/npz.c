#include "io/npz.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/npy_header.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 256 };

static const char suffix[] = ".npy";

/* Length of a member's name without its suffix; 0 when it has none. */
static size_t stem(const char *name)
{
    size_t length = strlen(name), end = sizeof suffix - 1;
    return length > end && strcmp(name + length - end, suffix) == 0 ? length - end : 0;
}

bool sae_npz_is(const sae_zip *zip)
{
    for (size_t i = 0; i < zip->count; i++)
        if (!stem(zip->members[i].name)) return false;
    return zip->count > 0;
}

static sae_status read_member(sae_tensor_list *list, const char *path, const sae_zip_member *member, sae_error *err)
{
    sae_status status;
    char where[1024], name[MAX_NAME], shown[MAX_NAME];
    const unsigned char *content;
    void *owned = NULL;
    sae_npy_header header;
    size_t length = stem(member->name);
    sae_printable(member->name, strlen(member->name), shown, sizeof shown);
    if (length >= sizeof name)
        return sae_fail(err, SAE_E_FORMAT, "%s: the name of member %s is longer than %d characters", path, shown,
                        MAX_NAME - 1);
    memcpy(name, member->name, length);
    name[length] = 0;
    snprintf(where, sizeof where, "%s:%s", path, shown);
    SAE_TRY(sae_zip_read(member, path, &content, &owned, err));
    if (owned) SAE_TRY(sae_tensor_list_own(list, owned, err));
    SAE_TRY(sae_npy_header_parse(&header, where, content, member->size, err));
    header.array.name = name;
    SAE_TRY(sae_tensor_list_add(list, &header.array, err));
done:
    return status;
}

sae_status sae_npz_read(sae_tensor_list *list, const char *path, const sae_zip *zip, sae_error *err)
{
    sae_status status = SAE_OK;
    for (size_t i = 0; status == SAE_OK && i < zip->count; i++) status = read_member(list, path, &zip->members[i], err);
    return status;
}
