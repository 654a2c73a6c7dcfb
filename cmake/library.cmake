# libsae: every file of src/ once, and the vector kernels of src/kernels/cpu/isa/ once per instruction set
# (chosen at run time).
file(GLOB_RECURSE SAE_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.c)
list(FILTER SAE_SOURCES EXCLUDE REGEX "/src/kernels/cpu/isa/")
list(FILTER SAE_SOURCES EXCLUDE REGEX "/src/kernels/ref/")
list(FILTER SAE_SOURCES EXCLUDE REGEX "/src/kernels/cpu/onednn/")
set(SAE_ONEDNN_DIR ${PROJECT_SOURCE_DIR}/src/kernels/cpu/onednn)
set(SAE_ONEDNN_TARGET "")
if(SAE_ONEDNN_MAJOR)
  set(SAE_ONEDNN_TARGET sae_onednn)
  list(APPEND SAE_SOURCES ${SAE_ONEDNN_DIR}/onednn.c ${SAE_ONEDNN_DIR}/low_gemm.c ${SAE_ONEDNN_DIR}/signals.c ${SAE_ONEDNN_DIR}/matmul.c
       ${SAE_ONEDNN_DIR}/matmul_v${SAE_ONEDNN_MAJOR}.c)
else()
  list(APPEND SAE_SOURCES ${SAE_ONEDNN_DIR}/absent.c)
endif()
file(GLOB SAE_ISA_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/cpu/isa/*.c)
file(GLOB SAE_REF_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/ref/*.c)

# The style sheet and the program of exported pages, as strings.
set(SAE_EXPORT_FILES ${PROJECT_BINARY_DIR}/export_files.c)
add_custom_command(OUTPUT ${SAE_EXPORT_FILES}
  COMMAND ${CMAKE_COMMAND} -DOUT=${SAE_EXPORT_FILES} -DDIR=${PROJECT_SOURCE_DIR}/src/export
          -P ${PROJECT_SOURCE_DIR}/cmake/export.cmake
  DEPENDS ${PROJECT_SOURCE_DIR}/src/export/page.css ${PROJECT_SOURCE_DIR}/src/export/page.js
          ${PROJECT_SOURCE_DIR}/cmake/export.cmake
  COMMENT "Putting the page of exports into the library" VERBATIM)

add_library(sae_objects OBJECT ${SAE_SOURCES} ${SAE_EXPORT_FILES})
set_source_files_properties(src/base/error.c PROPERTIES COMPILE_DEFINITIONS SAE_VERSION="${PROJECT_VERSION}")

set(SAE_ISAS baseline)
set(SAE_ISA_FLAGS_baseline "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND SAE_ISAS avx2 avx512)
  set(SAE_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c)
  set(SAE_ISA_FLAGS_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c -mprefer-vector-width=512)
endif()
set(SAE_OBJECTS $<TARGET_OBJECTS:sae_objects>)
set(SAE_OBJECT_TARGETS sae_objects)
if(SAE_ISA_SOURCES)
  foreach(isa ${SAE_ISAS})
    add_library(sae_isa_${isa} OBJECT ${SAE_ISA_SOURCES})
    target_compile_definitions(sae_isa_${isa} PRIVATE SAE_ISA=${isa})
    target_compile_options(sae_isa_${isa} PRIVATE ${SAE_ISA_FLAGS_${isa}})
    list(APPEND SAE_OBJECTS $<TARGET_OBJECTS:sae_isa_${isa}>)
    list(APPEND SAE_OBJECT_TARGETS sae_isa_${isa})
  endforeach()
endif()
# The reference kernels, in float (the oracle for bits) and in double (the oracle for mathematics).
if(SAE_REF_SOURCES)
  foreach(real float double)
    add_library(sae_ref_${real} OBJECT ${SAE_REF_SOURCES})
    target_compile_definitions(sae_ref_${real} PRIVATE SAE_REAL=${real})
    list(APPEND SAE_OBJECT_TARGETS sae_ref_${real})
  endforeach()
endif()

foreach(target ${SAE_OBJECT_TARGETS})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} PRIVATE OpenMP::OpenMP_C PkgConfig::BLAS PkgConfig::JANSSON PkgConfig::PCRE2
                                          PkgConfig::ZLIB PkgConfig::SQLITE ${SAE_ONEDNN_TARGET})
endforeach()

add_library(sae_static STATIC ${SAE_OBJECTS})
add_library(sae_shared SHARED ${SAE_OBJECTS})
set_target_properties(sae_static sae_shared PROPERTIES OUTPUT_NAME sae)
set_target_properties(sae_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
foreach(target sae_static sae_shared)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                              $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PUBLIC PkgConfig::BLAS PkgConfig::JANSSON PkgConfig::PCRE2 PkgConfig::ZLIB
                                         PkgConfig::SQLITE ${SAE_ONEDNN_TARGET} OpenMP::OpenMP_C Threads::Threads m
                                         ${CMAKE_DL_LIBS})
endforeach()
