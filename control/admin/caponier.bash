# SPDX-License-Identifier: BSD-3-Clause
# bash completion: caponier itself knows what may come next, names of links, SAs and peers included.

_caponier()
{
	mapfile -t COMPREPLY < <("$1" --complete "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" \
		2>/dev/null)
	case ${COMPREPLY[0]-} in
	@file)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$2")
		;;
	@directory)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$2")
		;;
	esac
}
complete -F _caponier caponier
