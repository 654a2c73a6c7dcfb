#include "report/page_style.h"

#include "report/draft.h"
#include "report/svg.h"

static const char *const rules[] = {
    /* colours: as those of pictures */
    ":root{color-scheme:light dark;--ground:#ffffff;--ink:#1c2128;--soft:#59636e;--rule:#d9dde2;--tint:#f5f6f8;"
    "--accent:#2f5bd8;"
    "--serif:Charter,\"Bitstream Charter\",\"Sitka Text\",Cambria,\"Noto Serif\",Georgia,serif;"
    "--sans:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif}",
    "@media screen and (prefers-color-scheme:dark){:root{--ground:#0f1318;--ink:#e6eaef;--soft:#9aa5b1;"
    "--rule:#2b323b;--tint:#171c23;--accent:#7da5ff}}",
    /* the sheet: one column of 720 pixels, with the contents beside it where there is room */
    "*{box-sizing:border-box}",
    "html{font-size:17px;-webkit-text-size-adjust:100%;text-size-adjust:100%}",
    "body{margin:0 auto;padding:0 16px;max-width:752px;background:var(--ground);color:var(--ink);"
    "font-family:var(--serif);line-height:1.55;overflow-wrap:anywhere}",
    "h1,h2,h3{line-height:1.2;font-weight:600;text-wrap:balance}",
    "h1{font-size:clamp(1.7rem,1.2rem + 2.4vw,2.6rem);letter-spacing:-.015em;margin:.2em 0 .45em}",
    "h2{font-size:1.55rem;letter-spacing:-.01em;margin:3.2rem 0 .6rem;padding-top:1.1rem;"
    "border-top:1px solid var(--rule)}",
    "p{margin:0 0 1em;text-wrap:pretty}",
    "a{color:var(--accent);text-underline-offset:.18em;text-decoration-thickness:1px}",
    ":focus-visible{outline:3px solid var(--accent);outline-offset:3px;border-radius:2px}",
    ".skip{position:absolute;left:-999px;top:0;background:var(--ground);padding:.5em 1em;z-index:1}",
    ".skip:focus{left:16px}",
    ".away{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}",
    "header{padding:3.5rem 0 0}",
    ".kind,.number{font:600 .74rem var(--sans);letter-spacing:.09em;text-transform:uppercase;color:var(--soft)}",
    ".kind{margin:0}",
    ".lead{font-size:1.16rem;line-height:1.5;color:var(--ink)}",
    "nav{margin:1.6rem 0 0;padding:.8rem 0;border-top:1px solid var(--rule);border-bottom:1px solid var(--rule)}",
    "nav ol{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.3rem 1.3rem;"
    "font:.86rem/1.6 var(--sans)}",
    "nav a{color:var(--soft);text-decoration:none;display:inline-block;padding:.15rem 0}",
    "nav a:hover,nav a:focus{color:var(--ink);text-decoration:underline}",
    "main section:first-child h2{margin-top:1.2rem;border-top:0}",
    "footer{margin:4rem 0 3rem;padding-top:1rem;border-top:1px solid var(--rule);font:.82rem/1.6 var(--sans);"
    "color:var(--soft)}",
    "@media screen and (min-width:1180px){"
    "body{max-width:none;padding:0;display:grid;grid-template-columns:minmax(0,1fr) 720px minmax(0,1fr)}"
    "body>*{grid-column:2}"
    "nav{grid-column:1;grid-row:2;justify-self:end;width:190px;margin:1.4rem 3rem 0 0;border:0;padding:0}"
    "nav ol{position:sticky;top:2rem;flex-direction:column}main{grid-row:2}header{grid-row:1}footer{grid-row:3}}",
    /* numbers that count */
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));gap:0 1.4rem;margin:1.6rem 0}",
    ".tiles div{border-top:2px solid var(--ink);padding:.6rem 0 1rem;display:flex;flex-direction:column}",
    ".tiles dt{order:2;font:600 .82rem/1.35 var(--sans)}",
    ".tiles dd{margin:0;font:.8rem/1.4 var(--sans);color:var(--soft);order:3}",
    ".tiles dd.value{order:1;font:600 1.7rem/1.25 "
    "var(--serif);color:var(--ink);font-variant-numeric:lining-nums}",
    /* figures: the caption above, as a heading that says what is seen */
    "figure{margin:2.2rem 0 2.6rem}",
    "figcaption{font-family:var(--sans);margin-bottom:1.1rem}",
    "figcaption h3{font-size:1.06rem;margin:.15rem 0 .35rem}",
    "figcaption p{font-size:.88rem;line-height:1.5;color:var(--soft);margin:0;max-width:66ch}",
    "figure svg{display:block;height:auto;max-width:100%;overflow:visible}",
    "svg.narrow{display:none}",
    "@media screen and (max-width:620px){svg.wide{display:none}"
    "svg.narrow{display:block;width:100%;max-width:440px;margin:0 auto}}",
    ".tools{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin-top:.8rem;font:.82rem/1.6 var(--sans)}",
    ".tools a,summary{padding:.2rem 0}",
    "details[open]{flex-basis:100%;min-width:0}",
    "summary{cursor:pointer;color:var(--accent)}",
    /* tables */
    ".scroll{position:relative;overflow-x:auto;margin:.6rem 0 1.6rem}",
    ".tools .scroll{max-height:26rem;overflow-y:auto}",
    "table{border-collapse:collapse;width:100%;font:.82rem/1.45 var(--sans);font-variant-numeric:tabular-nums;"
    "overflow-wrap:normal}",
    "caption{text-align:left;font-weight:600;padding:.2rem 0 .5rem}",
    "th,td{padding:.32rem .7rem;text-align:right;vertical-align:top}",
    "th{font-weight:600}",
    "th:first-child,td:first-child{text-align:left;padding-left:0}",
    "tbody th{font-weight:400}",
    "thead th{border-bottom:1.5px solid var(--ink);vertical-align:bottom;color:var(--ink)}",
    "tbody tr{border-bottom:1px solid var(--rule)}",
    "th.list,td.list{text-align:left}",
    ".words td,.words th{text-align:left}",
    ".words td{overflow-wrap:anywhere;min-width:5rem}",
    ".words tbody th{white-space:nowrap;color:var(--soft)}",
    "@media screen and (max-width:620px){.words tbody th{white-space:normal}.words th,.words td{padding-right:.3rem}}",
    ".terms{font-size:.94rem}",
    ".terms dt{font-weight:600;margin-top:.8rem}",
    ".terms dd{margin:0}",
    "@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}",
    "@media print{@page{margin:18mm 16mm}html{font-size:10.5pt}body{max-width:none;padding:0}"
    "nav,.skip,.tools{display:none}header{padding:0}h2{margin-top:1.8rem;break-after:avoid}"
    "figure,.tiles,tr{break-inside:avoid}.scroll{overflow:visible}a{color:inherit}}",
};

sae_status sae_page_style(char **css, size_t *length, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a page's style", err);
    if (status != SAE_OK) return status;
    fputc('\n', draft.stream);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) fprintf(draft.stream, "%s\n", rules[i]);
    sae_svg_rules(draft.stream);
    status = sae_draft_take(&draft, css, err);
    *length = draft.length;
    return status;
}
