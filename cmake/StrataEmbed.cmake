# strata_embed(LAYER NAME FILE): compiles the text FILE into the layer as the std::string_view
# strata::LAYER::embedded::NAME, which strata/LAYER/embedded.hpp declares.
# Run as a script (cmake -P) with LAYER, NAME, INPUT and OUTPUT it writes that source.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ "${INPUT}" text)
  file(WRITE "${OUTPUT}" "#include \"strata/${LAYER}/embedded.hpp\"\n\n"
    "const std::string_view strata::${LAYER}::embedded::${NAME} = R\"strata_embed(" "${text}" ")strata_embed\";\n")
  return()
endif()

set(STRATA_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(strata_embed layer name input)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded/${layer}_${name}.cpp)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DLAYER=${layer} -DNAME=${name} -DINPUT=${input} -DOUTPUT=${output}
            -P ${STRATA_EMBED_SCRIPT}
    DEPENDS ${input} ${STRATA_EMBED_SCRIPT}
    VERBATIM)
  target_sources(strata_${layer} PRIVATE ${output})
endfunction()
