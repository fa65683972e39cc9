# LibTorch for the rooms that train: the distribution's, or another one given by CMAKE_PREFIX_PATH.
find_package(Torch REQUIRED)
message(STATUS "LibTorch ${Torch_VERSION} in ${TORCH_INSTALL_PREFIX}")

# Two LibTorches on one machine: find_package(Torch) of the second picks the first one's libc10, and the program
# aborts before main. Notice it here, where it can still be said how to build.
get_filename_component(torch_folder "${TORCH_LIBRARY}" DIRECTORY)
get_filename_component(c10_folder "${c10_LIBRARY}" DIRECTORY)
if(c10_folder AND torch_folder AND NOT c10_folder STREQUAL torch_folder)
  message(FATAL_ERROR "two LibTorches are mixed: libtorch in ${torch_folder}, libc10 in ${c10_folder}. "
    "Add -Dc10_LIBRARY=${torch_folder}/libc10.so -Dtorch_cpu_LIBRARY=${torch_folder}/libtorch_cpu.so")
endif()

# One precompiled header for all torch rooms: including torch costs many seconds a file.
add_library(polytask_torch_pch OBJECT ${PROJECT_SOURCE_DIR}/cmake/torch_pch.cpp)
target_link_libraries(polytask_torch_pch PRIVATE polytask_warnings ${TORCH_LIBRARIES} OpenMP::OpenMP_CXX)
target_include_directories(polytask_torch_pch SYSTEM PRIVATE ${TORCH_INCLUDE_DIRS})
target_precompile_headers(polytask_torch_pch PRIVATE <torch/torch.h>)

function(polytask_use_torch target)
  target_link_libraries(${target} PRIVATE ${TORCH_LIBRARIES} OpenMP::OpenMP_CXX)
  target_include_directories(${target} SYSTEM PRIVATE ${TORCH_INCLUDE_DIRS})
  target_precompile_headers(${target} REUSE_FROM polytask_torch_pch)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    # A LibTorch given by the user must win over the distribution's at run time too.
    set_target_properties(${target} PROPERTIES BUILD_RPATH "${torch_folder}")
    target_link_options(${target} PRIVATE -Wl,--disable-new-dtags)
  endif()
endfunction()
