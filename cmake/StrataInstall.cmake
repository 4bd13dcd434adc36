# cmake --install: the libraries that run models, as find_package(strata) finds them (strata::c,
# strata::c_static, strata::runtime, strata::formats and the layers below), and the program.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(layers base tensor image ir kernels runtime formats)
foreach(layer flags ${layers})
  set_target_properties(strata_${layer} PROPERTIES EXPORT_NAME ${layer})
  install(TARGETS strata_${layer} EXPORT strataTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endforeach()
foreach(layer ${layers})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/strata/${layer}
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/strata FILES_MATCHING PATTERN "*.hpp" PATTERN "*.def")
endforeach()

install(TARGETS strata_capi strata_capi_static EXPORT strataTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${PROJECT_SOURCE_DIR}/capi/strata.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET strata)
  install(TARGETS strata RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# Libraries that only pkg-config knows, and that this build has found.
set(STRATA_PKG_CONFIG_MODULES "")
foreach(format WEBP=libwebp TIFF=libtiff-4 JPEG2000=libopenjp2 XXHASH=libxxhash ZSTD=libzstd)
  string(REGEX REPLACE "=.*" "" name ${format})
  if(${name}_FOUND)
    list(APPEND STRATA_PKG_CONFIG_MODULES ${format})
  endif()
endforeach()

set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/strata)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/strataConfig.cmake.in
  ${PROJECT_BINARY_DIR}/strataConfig.cmake INSTALL_DESTINATION ${folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/strataConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/strataConfig.cmake ${PROJECT_BINARY_DIR}/strataConfigVersion.cmake
  DESTINATION ${folder})
install(EXPORT strataTargets NAMESPACE strata:: DESTINATION ${folder})
