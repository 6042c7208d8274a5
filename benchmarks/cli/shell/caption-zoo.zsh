#compdef caption-zoo
# What zsh completes after caption-zoo. Words come from the program, which only reads what was typed;
# where it offers none, zsh completes the name of a file.
_caption_zoo() {
    local line
    local -a whole open whole_said open_said
    while IFS= read -r line; do
        if [[ ${line%%$'\t'*} == */ ]]; then
            open+=("${line%%$'\t'*}") open_said+=("${line/$'\t'/  }")
        else
            whole+=("${line%%$'\t'*}") whole_said+=("${line/$'\t'/  }")
        fi
    done < <(command caption-zoo completion --complete "${(@)words[2,CURRENT-1]}" "$PREFIX" 2> /dev/null)
    if (( ${#whole} + ${#open} == 0 )); then
        _files
        return
    fi
    compadd -l -d whole_said -a whole
    compadd -l -S '' -d open_said -a open
}
if [[ ${funcstack[1]-} == _caption_zoo ]]; then
    _caption_zoo "$@"
else
    compdef _caption_zoo caption-zoo
fi
