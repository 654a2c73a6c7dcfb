# Writes OUT, a C file with the files of exported pages as strings.
set(text "/* Made by cmake/export.cmake. */\n#include \"export/page_files.h\"\n")
foreach(name page_css page_js)
  string(REPLACE "_" "." file ${name})
  file(READ ${DIR}/${file} bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(APPEND text "\nconst char sae_${name}[] = {${bytes}0};\n")
endforeach()
file(WRITE ${OUT} "${text}")
