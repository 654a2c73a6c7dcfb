#include "report/figure.h"

#include "base/error.h"
#include "base/file.h"
#include "report/draft.h"

#include <stdlib.h>

sae_status sae_figure_finding(const sae_figure *figure, const void *results, char **out, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "the words of a figure", err);
    if (status != SAE_OK) return status;
    figure->finding(draft.stream, results);
    return sae_draft_take(&draft, out, err);
}

sae_status sae_figure_draw(const sae_figure *figure, const void *results, sae_chart_form form, const char *finding,
                           FILE *out, sae_error *err)
{
    char id[64];
    snprintf(id, sizeof id, "%s%s", figure->name, form == SAE_CHART_NARROW ? "-narrow" : "");
    sae_chart chart = {
        .out = out, .form = form, .id = id, .title = figure->title, .finding = finding, .shows = figure->shows};
    return figure->draw(&chart, results, err);
}

sae_status sae_figure_picture(const sae_figure *figure, const void *results, const char *finding, char **out,
                              size_t *length, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a picture", err);
    if (status != SAE_OK) return status;
    sae_status drawn = sae_figure_draw(figure, results, SAE_CHART_ALONE, finding, draft.stream, err);
    status = sae_draft_take(&draft, out, drawn == SAE_OK ? err : NULL);
    *length = draft.length;
    if (drawn == SAE_OK) return status;
    if (status == SAE_OK) free(*out);
    return drawn;
}

sae_status sae_figure_save(const sae_figure *figure, const void *results, const char *path, sae_error *err)
{
    char *finding = NULL, *picture = NULL;
    size_t length;
    sae_status status = SAE_OK;
    SAE_TRY(sae_figure_finding(figure, results, &finding, err));
    SAE_TRY(sae_figure_picture(figure, results, finding, &picture, &length, err));
    status = sae_write_file(path, picture, length, err);
done:
    free(finding);
    free(picture);
    return status;
}
