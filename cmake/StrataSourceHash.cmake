# strata_source_hash(SOURCE NAME FILE...): writes NAME.inc with a hash of these files, a number of 64
# bits, for SOURCE to include. It depends on their contents and names alone, not on where they lie.
# Run as a script (cmake -P) with LIST, ROOT and OUTPUT it writes that file.
if(CMAKE_SCRIPT_MODE_FILE)
  file(STRINGS "${LIST}" files)
  set(all "")
  foreach(path ${files})
    file(SHA256 "${path}" hash)
    file(RELATIVE_PATH name "${ROOT}" "${path}")
    string(APPEND all "${name} ${hash}\n")
  endforeach()
  string(SHA256 hash "${all}")
  string(SUBSTRING "${hash}" 0 16 hash)
  file(WRITE "${OUTPUT}" "0x${hash}u\n")
  return()
endif()

set(STRATA_SOURCE_HASH_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(strata_source_hash source name)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/hashes)
  list(SORT ARGN)
  list(JOIN ARGN "\n" lines)
  file(CONFIGURE OUTPUT ${folder}/${name}.list CONTENT "${lines}\n")
  add_custom_command(
    OUTPUT ${folder}/${name}.inc
    COMMAND ${CMAKE_COMMAND} -DLIST=${folder}/${name}.list -DROOT=${CMAKE_CURRENT_SOURCE_DIR}
            -DOUTPUT=${folder}/${name}.inc -P ${STRATA_SOURCE_HASH_SCRIPT}
    DEPENDS ${ARGN} ${folder}/${name}.list ${STRATA_SOURCE_HASH_SCRIPT}
    VERBATIM)
  set_property(SOURCE ${source} APPEND PROPERTY OBJECT_DEPENDS ${folder}/${name}.inc)
  set_property(SOURCE ${source} APPEND PROPERTY INCLUDE_DIRECTORIES ${folder})
endfunction()
