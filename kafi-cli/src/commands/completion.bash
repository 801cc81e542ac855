# Completion of kafi in bash: kafi itself is asked each time.
_kafi_completion() {
    local line=${COMP_LINE:0:COMP_POINT} rest word typed sign upto before= index
    local -a words=()
    # Bash has split the line at COMP_WORDBREAKS, too; pieces between which there is no space are one word.
    for ((index = 0; index <= COMP_CWORD; index++)); do
        rest=${line#"${line%%[![:space:]]*}"}
        word=${COMP_WORDS[index]}
        # What stands behind the cursor is no part of the question.
        ((index < COMP_CWORD)) || word=$rest
        [[ $rest == "$word"* ]] || return
        if ((index > 0)) && [[ $rest == "$line" ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        line=${rest#"$word"}
    done
    typed=${words[${#words[@]} - 1]}
    local IFS=$'\013'
    COMPREPLY=($(_CLAP_IFS="$IFS" _CLAP_COMPLETE_INDEX=$((${#words[@]} - 1)) _CLAP_COMPLETE_COMP_TYPE="$COMP_TYPE" _CLAP_COMPLETE_SPACE=false \
        VARIABLE=bash kafi -- "${words[@]}" 2> /dev/null))
    if [[ ${COMPREPLY-} =~ [=/:]$ ]]; then
        compopt -o nospace 2> /dev/null
    fi
    # Bash replaces only what comes behind the last of its word breaks.
    for sign in : =; do
        upto=${typed%"${typed##*"$sign"}"}
        if [[ $COMP_WORDBREAKS == *"$sign"* ]] && ((${#upto} > ${#before})); then
            before=$upto
        fi
    done
    for index in "${!COMPREPLY[@]}"; do
        COMPREPLY[index]=${COMPREPLY[index]#"$before"}
    done
}
if ((BASH_VERSINFO[0] > 4 || (BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4))); then
    complete -o bashdefault -o nosort -F _kafi_completion kafi
else
    complete -o bashdefault -F _kafi_completion kafi
fi
