# What fish completes after caption-zoo. Words come from the program, which only reads what was typed;
# where it offers none, fish completes the name of a file.
function __caption_zoo
    set -l before (commandline -opc)
    set -l begun (commandline -ct)
    set -l found (command caption-zoo completion --complete $before[2..-1] "$begun" 2> /dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path "$begun"
    end
end
complete --command caption-zoo --no-files --arguments '(__caption_zoo)'
