# SPDX-License-Identifier: GPL-2.0
#
# Completion of sluice(8) for bash.  What there is to complete, sluice says itself:
# the words up to the cursor go to 'sluice __complete'.

_sluice()
{
	local line=${COMP_LINE:0:COMP_POINT} cur=${COMP_WORDS[COMP_CWORD]} candidate typed
	local -a words

	read -ra words <<<"$line"
	[[ $line != *[[:space:]] ]] || words+=("")
	typed=${words[-1]}
	# readline ends words at = and :, and replaces what stands behind that only
	[[ $cur != [=:] ]] || cur=
	typed=${typed%"$cur"}

	COMPREPLY=()
	while IFS= read -r candidate; do
		case $candidate in
		:files)
			compopt -o filenames
			mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$cur")
			;;
		:users)
			mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -u -- "$cur")
			;;
		*)
			COMPREPLY+=("${candidate#"$typed"}")
			;;
		esac
	done < <("$1" __complete "${words[@]:1}" 2>/dev/null)
}

complete -F _sluice sluice
