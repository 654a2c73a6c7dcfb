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

void sae_svg_count(FILE *stream, int64_t value)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)value);
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-') fputc(',', stream);
        fputc(digits[i], stream);
    }
}

void sae_svg_style(FILE *stream)
{
    static const char *const light[SAE_ARCHS] = {"#827708", "#732b1c", "#425af4", "#138669", "#a84da0"};
    static const char *const dark[SAE_ARCHS] = {"#e4d31c", "#e77749", "#0fa2fd", "#abe5ad", "#ce7ca9"};
    fputs("<style>\n"
          "text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif;"
          "font-size:13px}\n"
          ".g{fill:#ffffff}.t{fill:#1c2128}.m{fill:#59636e}.l{stroke:#dfe3e8}.a{stroke:#8b95a1}"
          ".b{stroke:#c3cad3;fill:none}\n",
          stream);
    for (int i = 0; i < SAE_ARCHS; i++) fprintf(stream, ".c%d{color:%s}", i, light[i]);
    fputs("\n@media (prefers-color-scheme:dark){\n"
          ".g{fill:#0f1318}.t{fill:#e6eaef}.m{fill:#9aa5b1}.l{stroke:#272d35}.a{stroke:#6b7682}"
          ".b{stroke:#3d4754}\n",
          stream);
    for (int i = 0; i < SAE_ARCHS; i++) fprintf(stream, ".c%d{color:%s}", i, dark[i]);
    fputs("\n}\n</style>\n", stream);
}
