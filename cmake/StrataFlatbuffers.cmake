# strata_flatbuffers(LAYER SCHEMA): the layer, and its tests, include <NAME_schema.h> that flatc makes of
# SCHEMA (NAME.fbs). The verifier and the accessors are in FlatBuffers' headers: no library is linked.
find_program(STRATA_FLATC flatc)
find_path(STRATA_FLATBUFFERS_INCLUDE_DIR flatbuffers/flatbuffers.h)
if(NOT STRATA_FLATC OR NOT STRATA_FLATBUFFERS_INCLUDE_DIR)
  message(FATAL_ERROR "TensorFlow Lite files are read by FlatBuffers, whose compiler (flatc) or headers were not found. "
    "Install the packages flatbuffers-compiler and libflatbuffers-dev (scripts/setup does).")
endif()

function(strata_flatbuffers layer schema)
  get_filename_component(name ${schema} NAME_WE)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/flatbuffers)
  set(output ${folder}/${name}_schema.h)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${STRATA_FLATC} --cpp --scoped-enums --filename-suffix _schema -o ${folder} ${schema}
    DEPENDS ${schema}
    VERBATIM)
  # A target of its own, or the header would wait for the layers below, and the layer's objects for it.
  add_custom_target(strata_${layer}_schema DEPENDS ${output})
  add_dependencies(strata_${layer} strata_${layer}_schema)
  target_include_directories(strata_${layer} SYSTEM PUBLIC
    $<BUILD_INTERFACE:${folder}> $<BUILD_INTERFACE:${STRATA_FLATBUFFERS_INCLUDE_DIR}>)
endfunction()
