# What bash completes after caption-zoo. Words come from the program, which only reads what was typed;
# where it offers none, bash completes the name of a file.
_caption_zoo() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("${line%%$'\t'*}")
    done < <(command caption-zoo completion --complete "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$2" 2> /dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace 2> /dev/null
    fi
}
complete -o default -F _caption_zoo caption-zoo
