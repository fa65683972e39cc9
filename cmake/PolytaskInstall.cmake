# What `cmake --install` puts in place:
#   bin/, libexec/        the command
#   share/polytask/       the encoders that come with it
#   lib/libpolytask.so    for every language that can call C, with include/polytask/polytask.h and polytask.pc
#   lib/libpolytask_*.a   the rooms up to `engine` for C++, with their headers in include/polytask/<room>/
#   lib/cmake/polytask/   for find_package(polytask): polytask::engine (C++), polytask::c (libpolytask.so)
# All of it may be moved together afterwards.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(installed_rooms base task text model kernels engine)
# engine/engine.h, what asks it, and all that they include; tests/scenarios/install_test.py says when one is missing.
set(installed_headers
  base/error.h base/json.h base/result.h base/utf8.h
  engine/answer_json.h engine/answer_texts.h engine/engine.h engine/questions.h
  kernels/packed_linear.h kernels/precision.h kernels/weight_memory.h
  model/head_spec.h model/manifest.h model/model_folder.h model/package.h
  task/example.h task/label_set.h task/prediction.h task/task_spec.h)

# The command looks for the others from where it stands itself.
install(TARGETS polytask RUNTIME DESTINATION bin)
install(TARGETS polytask-exchange polytask-hub RUNTIME DESTINATION libexec/polytask)
if(POLYTASK_TORCH)
  install(TARGETS polytask-torch RUNTIME DESTINATION libexec/polytask)
endif()

# So it finds the encoders that come with it, in the build folder too.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/encoders DESTINATION share/polytask)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION share/polytask)  # of the encoders too
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/share/polytask)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/encoders ${PROJECT_BINARY_DIR}/share/polytask/encoders SYMBOLIC)

# Outside, "base/error.h" may be anybody's: the installed headers include one another as "polytask/base/error.h".
foreach(header IN LISTS installed_headers)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${header})
  file(READ ${PROJECT_SOURCE_DIR}/src/${header} text)
  string(REGEX REPLACE "#include \"" "#include \"polytask/" text "${text}")
  set(copy ${PROJECT_BINARY_DIR}/include/polytask/${header})
  file(CONFIGURE OUTPUT ${copy} CONTENT "${text}" @ONLY)
  get_filename_component(room ${header} DIRECTORY)
  install(FILES ${copy} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/polytask/${room})
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/src/engine/polytask.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/polytask)

list(TRANSFORM installed_rooms PREPEND polytask_ OUTPUT_VARIABLE installed_targets)
install(TARGETS ${installed_targets} polytask_c EXPORT polytaskTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(cmake_folder ${CMAKE_INSTALL_LIBDIR}/cmake/polytask)
install(EXPORT polytaskTargets NAMESPACE polytask:: DESTINATION ${cmake_folder})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/polytaskConfig.cmake.in ${PROJECT_BINARY_DIR}/polytaskConfig.cmake
  INSTALL_DESTINATION ${cmake_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/polytaskConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/polytaskConfig.cmake ${PROJECT_BINARY_DIR}/polytaskConfigVersion.cmake
  DESTINATION ${cmake_folder})

set(pkgconfig_folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH prefix_from_pkgconfig /prefix/${pkgconfig_folder} /prefix)
configure_file(${PROJECT_SOURCE_DIR}/cmake/polytask.pc.in ${PROJECT_BINARY_DIR}/polytask.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/polytask.pc DESTINATION ${pkgconfig_folder})
