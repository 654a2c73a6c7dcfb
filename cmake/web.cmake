# The web application: web/server as a library that the program is linked with, and the files of web/page inside it.
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)

file(GLOB SAE_PAGE_FILES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/web/page/*.html ${PROJECT_SOURCE_DIR}/web/page/*.css
                                           ${PROJECT_SOURCE_DIR}/web/page/*.js ${PROJECT_SOURCE_DIR}/web/page/*.svg)
set(SAE_PAGE_SOURCE ${PROJECT_BINARY_DIR}/web_asset_files.c)
add_custom_command(OUTPUT ${SAE_PAGE_SOURCE}
  COMMAND ${CMAKE_COMMAND} -DOUT=${SAE_PAGE_SOURCE} "-DFILES=${SAE_PAGE_FILES}" -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
  DEPENDS ${SAE_PAGE_FILES} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
  COMMENT "Putting the page into the program" VERBATIM)

file(GLOB SAE_WEB_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/web/server/*.c)
add_library(sae_web STATIC ${SAE_WEB_SOURCES} ${SAE_PAGE_SOURCE})
target_include_directories(sae_web PRIVATE ${PROJECT_SOURCE_DIR}/include PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(sae_web PUBLIC sae_static PkgConfig::MICROHTTPD PkgConfig::JANSSON PkgConfig::ZLIB Threads::Threads)

# What the tests of the server speak HTTP with.
if(SAE_TESTS)
  foreach(name http slow_clients)
    add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/web/${name}.c)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  endforeach()
endif()
