# LibTorch for the rooms that train: the distribution's, or another one given by CMAKE_PREFIX_PATH.
# TorchConfig looks for its libraries in the system's folders before its own: where the distribution's LibTorch is
# installed as well, the headers of one would meet the libraries of the other, and the program abort before main.
string(REPLACE ":" ";" environment "$ENV{CMAKE_PREFIX_PATH}")
foreach(prefix IN LISTS CMAKE_PREFIX_PATH environment)
  if(EXISTS "${prefix}/Torch/TorchConfig.cmake")  # what torch.utils.cmake_prefix_path says: TORCH/share/cmake
    get_filename_component(folder "${prefix}/../../lib" ABSOLUTE)
    list(PREPEND CMAKE_LIBRARY_PATH "${folder}")
  endif()
endforeach()
find_package(Torch REQUIRED)
message(STATUS "LibTorch ${Torch_VERSION} in ${TORCH_INSTALL_PREFIX}")
get_filename_component(torch_folder "${TORCH_LIBRARY}" DIRECTORY)
get_filename_component(c10_folder "${c10_LIBRARY}" DIRECTORY)
get_filename_component(torch_prefix "${TORCH_INSTALL_PREFIX}" REALPATH)
get_filename_component(real_folder "${torch_folder}" REALPATH)
string(FIND "${real_folder}/" "${torch_prefix}/" at)
if(NOT at EQUAL 0 OR (c10_folder AND NOT c10_folder STREQUAL torch_folder))
  message(FATAL_ERROR "two LibTorches are mixed: headers in ${torch_prefix}, libtorch in ${torch_folder}, libc10 in ${c10_folder}. With FOLDER that "
    "of the one you want, add -DTORCH_LIBRARY=FOLDER/libtorch.so -Dc10_LIBRARY=FOLDER/libc10.so -Dtorch_cpu_LIBRARY=FOLDER/libtorch_cpu.so")
endif()

# A LibTorch from elsewhere (PyPI's) brings {fmt} headers that hide the system's and do not fit its library: header-only
# they need none, and their namespaces keep versions apart. It also has a oneDNN inside: kernels/onednn.cpp.
if(NOT TORCH_INSTALL_PREFIX MATCHES "^/usr/?$")
  set(POLYTASK_TORCH_APART ON)
  set(torch_definitions FMT_HEADER_ONLY)
endif()

# Compiles with LibTorch's headers, links it, and at run time takes this one and no other.
function(polytask_link_torch target)
  target_link_libraries(${target} PRIVATE ${TORCH_LIBRARIES} OpenMP::OpenMP_CXX)
  target_compile_definitions(${target} PRIVATE ${torch_definitions})
  target_include_directories(${target} SYSTEM PRIVATE ${TORCH_INCLUDE_DIRS})
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    set_target_properties(${target} PROPERTIES BUILD_RPATH "${torch_folder}")
    target_link_options(${target} PRIVATE -Wl,--disable-new-dtags)
  endif()
endfunction()

# One precompiled header for all torch rooms: including torch costs many seconds a file.
add_library(polytask_torch_pch OBJECT ${PROJECT_SOURCE_DIR}/cmake/torch_pch.cpp)
target_link_libraries(polytask_torch_pch PRIVATE polytask_warnings)
polytask_link_torch(polytask_torch_pch)
target_precompile_headers(polytask_torch_pch PRIVATE <torch/torch.h>)

function(polytask_use_torch target)
  polytask_link_torch(${target})
  target_precompile_headers(${target} REUSE_FROM polytask_torch_pch)
endfunction()
