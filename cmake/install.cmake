install(TARGETS sae_static sae_shared
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS sae RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/sae DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

# Named directly: Requires.private would ask for what these libraries themselves were linked with (gfortran, …), which
# programs that use the shared ones do not need.
list(JOIN BLAS_LDFLAGS " " SAE_LIBS_PRIVATE)
foreach(flags IN LISTS JANSSON_LDFLAGS PCRE2_LDFLAGS ZLIB_LDFLAGS SQLITE_LDFLAGS)
  string(APPEND SAE_LIBS_PRIVATE " ${flags}")
endforeach()
if(SAE_ONEDNN_MAJOR)
  string(APPEND SAE_LIBS_PRIVATE " -ldnnl")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/libsae.pc.in ${PROJECT_BINARY_DIR}/libsae.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/libsae.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/recipes DESTINATION ${CMAKE_INSTALL_DATADIR}/sae FILES_MATCHING PATTERN "*.json")
install(FILES ${SAE_DOCS}/sae.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${SAE_DOCS}/sae.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME sae)
install(FILES ${SAE_DOCS}/_sae DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${SAE_DOCS}/sae.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
