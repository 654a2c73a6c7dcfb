# The command line: public headers only.
file(GLOB SAE_CLI_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cli/*.c)
if(SAE_CLI_SOURCES)
  add_executable(sae ${SAE_CLI_SOURCES})
  target_include_directories(sae PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR})
  target_link_libraries(sae PRIVATE sae_static)
endif()
