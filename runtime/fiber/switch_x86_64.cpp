#include "fiber/switch.hpp"

#if WEFT_OWN_SWITCH

// The unwinder is right at every instruction: both stacks look the same from the place where rsp
// changes, and a new one ends where the address to return to is 0.
asm(R"(
        .text
        .p2align 4
        .globl weft_switch
        .hidden weft_switch
        .type weft_switch, @function
weft_switch:
        .cfi_startproc
        pushq %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        subq $8, %rsp
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw 4(%rsp)
        movq %rsp, (%rdi)
        movq %rcx, %rdi
        testq %r8, %r8
        jnz 1f
        movq %rsi, %rsp
        ldmxcsr (%rsp)
        fldcw 4(%rsp)
        addq $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        jmpq *%rdx
        .cfi_adjust_cfa_offset 56
        .cfi_rel_offset %rbp, 48
        .cfi_rel_offset %rbx, 40
        .cfi_rel_offset %r12, 32
        .cfi_rel_offset %r13, 24
        .cfi_rel_offset %r14, 16
        .cfi_rel_offset %r15, 8
1:
        .cfi_undefined %rip
        movq %rsi, %rsp
        xorl %ebp, %ebp
        movq %r8, %rbx
        callq *%rdx
        pushq $0
        jmpq *%rbx
        .cfi_endproc
        .size weft_switch, . - weft_switch

        .p2align 4
        .globl weft_begin_stack
        .hidden weft_begin_stack
        .type weft_begin_stack, @function
weft_begin_stack:
        .cfi_startproc
        .cfi_undefined %rip
        xorl %ebp, %ebp
        pushq $0
        jmpq *%r12
        .cfi_endproc
        .size weft_begin_stack, . - weft_begin_stack
)");

#endif
