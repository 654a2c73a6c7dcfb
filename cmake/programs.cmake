# The command line: public headers only.
file(GLOB SAE_CLI_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cli/*.c)
add_executable(sae ${SAE_CLI_SOURCES})
target_include_directories(sae PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR})
target_link_libraries(sae PRIVATE sae_web sae_static)

# The manual page and the shell completions come out of the program's own option tables.
set(SAE_DOCS ${PROJECT_BINARY_DIR}/docs)
add_custom_command(TARGET sae POST_BUILD
  COMMAND ${CMAKE_COMMAND} -E make_directory ${SAE_DOCS}
  COMMAND sae help --man > ${SAE_DOCS}/sae.1
  COMMAND sae help --completion bash > ${SAE_DOCS}/sae.bash
  COMMAND sae help --completion zsh > ${SAE_DOCS}/_sae
  COMMAND sae help --completion fish > ${SAE_DOCS}/sae.fish
  COMMENT "Writing the manual page and completions")

# What the tests of the command line read JSON with.
if(SAE_TESTS)
  add_executable(json_value ${PROJECT_SOURCE_DIR}/tests/cli/json_value.c)
  target_link_libraries(json_value PRIVATE PkgConfig::JANSSON)
  set_target_properties(json_value PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
endif()
