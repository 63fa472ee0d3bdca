"""Lesson 11: a CycleGAN on eight points of a circle, where a collapse and a wrong pairing can be counted."""

from __future__ import annotations

import torch


def play_on_a_ring(lambda_cycle, d_lr, seed=0, steps=800):
    """Train a CycleGAN on eight points of a circle; x and y are the same points, and the right partner is the same."""
    torch.manual_seed(seed)

    def network(outputs):
        first, second, last = torch.nn.Linear(2, 64), torch.nn.Linear(64, 64), torch.nn.Linear(64, outputs)
        return torch.nn.Sequential(first, torch.nn.LeakyReLU(0.2), second, torch.nn.LeakyReLU(0.2), last)

    turn = torch.arange(8) / 8 * 2 * torch.pi
    x = y = torch.stack([turn.cos(), turn.sin()], dim=1)
    netG, netF, netD_y, netD_x = network(2), network(2), network(1), network(1)
    g_step = torch.optim.Adam([*netG.parameters(), *netF.parameters()], lr=1e-3, betas=(0.5, 0.999))
    d_step = torch.optim.Adam([*netD_y.parameters(), *netD_x.parameters()], lr=d_lr, betas=(0.5, 0.999))
    for _ in range(steps):
        fake_y, fake_x = netG(x), netF(y)
        loss = (netD_y(fake_y) - 1).square().mean() + (netD_x(fake_x) - 1).square().mean()
        cycle = (netF(fake_y) - x).abs().mean() + (netG(fake_x) - y).abs().mean()
        g_step.zero_grad()
        (loss + lambda_cycle * cycle).backward()
        g_step.step()
        d_loss = sum(
            0.5 * ((netD(real) - 1).square().mean() + netD(fake.detach()).square().mean())
            for netD, real, fake in ((netD_y, y, fake_y), (netD_x, x, fake_x))
        )
        d_step.zero_grad()
        d_loss.backward()
        d_step.step()
    with torch.no_grad():
        partner = torch.cdist(netG(x), y).argmin(dim=1)  # the y that each output is nearest to
        back = (netF(netG(x)) - x).abs().mean().item()
    right = (partner == torch.arange(8)).sum().item()
    return {"partner": partner.tolist(), "reached": len(partner.unique()), "right": right, "cycle error": back}
