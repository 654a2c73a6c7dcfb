# Prints a text to read: paragraphs of plain sentences, headings, lists, tables of numbers and lines of code, with some words far
# more frequent than others. The same bytes with every awk. -v kilobytes=N says how long it is, about.
#
#   awk -v kilobytes=130 -f text.awk

# Park and Miller's generator: products stay below 2^53, so doubles hold them exactly.
function below(n)
{
    seed = seed * 16807 % 2147483647
    return seed % n
}

# One of the words of a list; the first are frequent, the last rare, as in a language.
function word(list,    n, w, a, b)
{
    n = split(words[list], w, "/")
    a = below(n)
    b = below(n)
    return w[(a < b ? a : b) + 1]
}

function noun_phrase(    kind, phrase)
{
    kind = below(6)
    if (kind == 0) return word("name")
    phrase = kind < 4 ? "the " word("noun") : kind == 4 ? "the " word("quality") " " word("noun") : "no " word("noun")
    return below(5) == 0 ? phrase " " word("place") " the " word("noun") : phrase
}

function clause()
{
    return noun_phrase() " " word("verb") " " noun_phrase()
}

function sentence(    kind, s)
{
    kind = below(8)
    if (kind == 0) s = word("time") ", " clause() " " word("place") " the " word("noun")
    else if (kind == 1) s = clause() " and " clause()
    else if (kind == 2) s = "if " clause() ", then " clause()
    else if (kind == 3) s = noun_phrase() " is " word("quality") ", but " noun_phrase() " is not"
    else if (kind == 4) s = word("name") " said that " clause()
    else if (kind == 5) s = below(900) + 100 " of " below(9) + 1 ",000 " word("noun") "s are " word("quality")
    else if (kind == 6) s = noun_phrase() " (" word("quality") ", " below(100) "%) " word("verb") " " noun_phrase()
    else s = clause() " " word("time")
    return toupper(substr(s, 1, 1)) substr(s, 2) (below(9) == 0 ? "?" : below(12) == 0 ? " — so it is." : ".")
}

# Counts what it prints, so that the text ends at its length.
function out(line)
{
    printed += length(line) + 1
    print line
}

function paragraph(    n, line)
{
    for (n = 2 + below(5); n > 0; n--) line = line (line == "" ? "" : " ") sentence()
    out(line)
}

function list(    n)
{
    for (n = 2 + below(4); n > 0; n--) out("* " word("noun") ": " clause() ";")
}

function table(    n)
{
    out("| " word("noun") " | count | share |")
    out("|---|---:|---:|")
    for (n = 2 + below(4); n > 0; n--) out("| " word("noun") " | " below(5000) " | 0." 10 + below(90) " |")
}

function code(    n)
{
    out("```")
    for (n = 1 + below(4); n > 0; n--)
        out("    " word("noun") "[" below(64) "] = " word("noun") "_" word("noun") "(" word("noun") ", " below(300) ");")
    out("```")
}

BEGIN {
    seed = 20240229
    words["noun"] = "house/river/word/letter/garden/stone/animal/tree/machine/city/road/window/teacher/child/ship/winter/" \
        "number/table/summer/market/bridge/island/forest/colour/engine/sentence/doctor/mountain/bird/library/harvest/" \
        "farmer/kitchen/lamp/voice/measure/signal/clock/blanket/harbour/oven/violin/compass/glacier/lantern/orchard/" \
        "spindle/quarry/thimble/walrus/zither"
    words["verb"] = "holds/sees/gives/takes/follows/carries/finds/builds/needs/changes/leaves/keeps/moves/reads/writes/" \
        "opens/joins/answers/covers/measures/repairs/remembers/hides/paints/borrows/divides/forgives/unravels"
    words["quality"] = "small/large/old/new/good/cold/open/empty/green/quiet/long/heavy/bright/narrow/early/wooden/soft/" \
        "useful/broken/distant/hollow/bitter/gentle/yellow/ancient/fragile/crooked/transparent"
    words["place"] = "in/of/near/under/behind/with/above/beside/beyond"
    words["time"] = "today/yesterday/often/never/in spring/at night/after the war/every morning/since 1848"
    words["name"] = "Anna/Peter/London/Maria/France/Thomas/Vienna/Noémie/Zürich/Göteborg"
    while (printed < kilobytes * 1000) {
        kind = below(14)
        if (kind == 0) out("## " sentence())
        else if (kind == 1) list()
        else if (kind == 2) table()
        else if (kind == 3) code()
        else paragraph()
        out("")
    }
}
