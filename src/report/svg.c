#include "report/svg.h"

#include <sae/model.h>

#include "base/utf8.h"

#include <string.h>

void sae_svg_text(FILE *stream, const char *text)
{
    size_t left = strlen(text), skip;
    while (left > 0) {
        size_t step = sae_utf8_step(text, left, &skip);
        uint32_t c = step ? sae_utf8_decode(text, step) : 0;
        size_t used = step ? step : skip;
        if (c == '<')
            fputs("&lt;", stream);
        else if (c == '>')
            fputs("&gt;", stream);
        else if (c == '&')
            fputs("&amp;", stream);
        else if (c == '"')
            fputs("&quot;", stream);
        else if (c < 0x20 || c == 0xFFFE || c == 0xFFFF)
            fputs(SAE_UTF8_REPLACEMENT, stream);
        else
            fwrite(text, 1, used, stream);
        text += used;
        left -= used;
    }
}

void sae_svg_rules(FILE *stream)
{
    static const char *const light[SAE_ARCHS] = {"#827708", "#732b1c", "#425af4", "#138669", "#a84da0"};
    static const char *const dark[SAE_ARCHS] = {"#e4d31c", "#e77749", "#0fa2fd", "#abe5ad", "#ce7ca9"};
    fputs("text{font:13px system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif;"
          "font-variant-numeric:tabular-nums}\n"
          ".h{font-size:18px;font-weight:600}.n{font-weight:600}.o{paint-order:stroke;stroke-width:4px;"
          "stroke-linejoin:round}\n"
          ".g{fill:#ffffff}.t{fill:#1c2128}.h{fill:#1c2128}.m{fill:#59636e}.l{stroke:#e3e6ea}.a{stroke:#8b95a1}.w{"
          "stroke:#1c2128;fill:none}"
          ".b{stroke:#c3cad3;fill:none}.o{stroke:#ffffff}.cl{color:#2f5bd8}.cs{color:#b4451f}.cr{color:#59636e}.ck{"
          "color:#1c2128}\n",
          stream);
    for (int i = 0; i < SAE_ARCHS; i++) fprintf(stream, ".c%d{color:%s}", i, light[i]);
    fputs("\n@media screen and (prefers-color-scheme:dark){\n"
          ".g{fill:#0f1318}.t{fill:#e6eaef}.h{fill:#e6eaef}.m{fill:#9aa5b1}.l{stroke:#252b33}.a{stroke:#6b7682}.w{"
          "stroke:#e6eaef;fill:none}"
          ".b{stroke:#3d4754}.o{stroke:#0f1318}.cl{color:#7da5ff}.cs{color:#f2916a}.cr{color:#9aa5b1}.ck{color:#e6eaef}"
          "\n",
          stream);
    for (int i = 0; i < SAE_ARCHS; i++) fprintf(stream, ".c%d{color:%s}", i, dark[i]);
    fputs("\n}\n", stream);
}
