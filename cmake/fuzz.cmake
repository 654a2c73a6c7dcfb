# tests/fuzz/fuzz_*.c, each with a small driver that replays golden files and a fixed number of mutations of them, so
# that every compiler can do it in a second. tests/fuzz/run.sh runs the same targets with libFuzzer.
file(GLOB SAE_FUZZ_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_*.c)
file(GLOB SAE_FUZZ_SEEDS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/golden/io_*.*
                                           ${PROJECT_SOURCE_DIR}/tests/golden/io_acts/*
                                           ${PROJECT_SOURCE_DIR}/tests/golden/formats/*.*
                                           ${PROJECT_SOURCE_DIR}/tests/golden/formats/*/params.npz
                                           ${PROJECT_SOURCE_DIR}/tests/golden/formats/*/ae.pt
                                           ${PROJECT_SOURCE_DIR}/tests/golden/web_targets/*)
set(SAE_FUZZ_DRIVER ${PROJECT_SOURCE_DIR}/tests/fuzz/driver.c)
if(SAE_LIBFUZZER)
  set(SAE_FUZZ_DRIVER "")
endif()
foreach(source ${SAE_FUZZ_SOURCES})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source} ${SAE_FUZZ_DRIVER})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src
                                             ${PROJECT_SOURCE_DIR}/tests)
  target_sources(${name} PRIVATE $<TARGET_OBJECTS:sae_ref_float>)
  target_link_libraries(${name} PRIVATE sae_web sae_static)
  if(SAE_LIBFUZZER)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    continue()
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  # a changed database takes milliseconds; its changes are read from any bytes
  if(name STREQUAL fuzz_store)
    add_test(NAME fuzz/${name} COMMAND ${name} -n 300 ${PROJECT_SOURCE_DIR}/tests/golden/web_targets/table)
  else()
    add_test(NAME fuzz/${name} COMMAND ${name} ${SAE_FUZZ_SEEDS})
  endif()
  set_tests_properties(fuzz/${name} PROPERTIES TIMEOUT 300)
endforeach()
