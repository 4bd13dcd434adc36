# How a layer is built: a folder under strata/ is a static library, its tests one program.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)

add_library(strata_flags INTERFACE)
target_include_directories(strata_flags INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include>)
target_compile_options(strata_flags INTERFACE
  $<BUILD_INTERFACE:-Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers>)
target_compile_features(strata_flags INTERFACE cxx_std_20)
target_link_libraries(strata_flags INTERFACE fmt::fmt Threads::Threads)

# For deployment: kernels of one instruction set and those below it (as --isa says), without what
# only tests read, and so that the linker can leave out what a program does not use.
set(strata_isa_suffixes avx2 avx512 avx512_vnni avx512_bf16)
set(strata_isa_masks 1 3 7 15)
if(STRATA_ISA)
  list(FIND strata_isa_suffixes "${STRATA_ISA}" place)
  if(place EQUAL -1 AND NOT STRATA_ISA STREQUAL baseline)
    message(FATAL_ERROR "STRATA_ISA: '${STRATA_ISA}' given, baseline, avx2, avx512, avx512_vnni or avx512_bf16 accepted")
  endif()
  if(STRATA_TESTS)
    message(FATAL_ERROR "STRATA_ISA leaves out what the tests need; add -DSTRATA_TESTS=OFF")
  endif()
  set(strata_built_isa 0)
  if(NOT place EQUAL -1)
    list(GET strata_isa_masks ${place} strata_built_isa)
  endif()
  math(EXPR place "${place} + 1")
  list(SUBLIST strata_isa_suffixes ${place} -1 strata_left_out)
  list(JOIN strata_left_out "|" strata_left_out)
  target_compile_definitions(strata_flags INTERFACE
    STRATA_BUILT_ISA=${strata_built_isa} STRATA_WITHOUT_CASES)
  target_compile_options(strata_flags INTERFACE
    $<BUILD_INTERFACE:-ffunction-sections -fdata-sections>)
  target_link_options(strata_flags INTERFACE -Wl,--gc-sections)
endif()
if(STRATA_SANITIZE)
  target_compile_options(strata_flags INTERFACE -fsanitize=${STRATA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(strata_flags INTERFACE -fsanitize=${STRATA_SANITIZE})
endif()
if(STRATA_FUZZ)
  target_compile_options(strata_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Instruction sets follow from the file suffix. Such a file is the only one compiled with new
# instructions, and exports only what its family's table names. It throws nothing: else each noexcept
# function in it would carry a weak reference to the exception personality. Of the sanitizers only
# those of memory and threads look at kernels: with the others unrolled tiles take GCC many minutes.
function(strata_isa_flags)
  foreach(source ${ARGN})
    if(STRATA_SANITIZE AND source MATCHES "_(baseline|avx2|avx512|avx512_vnni|avx512_bf16)\\.cpp$")
      set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS
        -fno-sanitize=undefined -fno-sanitize-address-use-after-scope)
    endif()
    if(source MATCHES "_avx2\\.cpp$")
      set(flags -mavx2 -mfma -mf16c)
    elseif(source MATCHES "_avx512(_vnni|_bf16)?\\.cpp$")
      set(flags -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
      if(source MATCHES "_vnni\\.cpp$")
        list(APPEND flags -mavx512vnni)
      elseif(source MATCHES "_bf16\\.cpp$")
        list(APPEND flags -mavx512bf16)
      endif()
    else()
      continue()
    endif()
    set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS ${flags} -O3 -fno-exceptions)
  endforeach()
endfunction()

# strata_layer(NAME DEPENDS layer... LIBRARIES target...)
# DEPENDS are the layers this one may include; LIBRARIES are third-party and stay private.
function(strata_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS;LIBRARIES")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  if(strata_left_out)
    list(FILTER sources EXCLUDE REGEX "_(${strata_left_out})\\.cpp$")
  endif()
  strata_isa_flags(${sources})
  if(STRATA_ISA AND name MATCHES "^(tensor|formats|ir|runtime)$")  # all but kernels and threads
    set_property(SOURCE ${sources} APPEND PROPERTY COMPILE_OPTIONS -Os)
  endif()
  if(sources)
    add_library(strata_${name} STATIC ${sources})
    target_link_libraries(strata_${name} PUBLIC strata_flags PRIVATE ${arg_LIBRARIES})
    set(visibility PUBLIC)
  else()
    add_library(strata_${name} INTERFACE)  # headers only
    target_link_libraries(strata_${name} INTERFACE strata_flags)
    set(visibility INTERFACE)
  endif()
  foreach(layer ${arg_DEPENDS})
    target_link_libraries(strata_${name} ${visibility} strata_${layer})
  endforeach()
endfunction()

# strata_test(LAYER [LIBRARIES target...]): every tests/LAYER/**/*.cpp in one program.
function(strata_test layer)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBRARIES")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${layer}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${layer} ${sources})
  target_link_libraries(test_${layer} PRIVATE strata_${layer} ${arg_LIBRARIES} GTest::gtest_main)
  target_compile_definitions(test_${layer} PRIVATE STRATA_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME ${layer} COMMAND test_${layer})
endfunction()
