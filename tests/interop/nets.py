"""Small networks in the manner of torchvision's, for `imports.py`: name -> (module, shape of the input)."""

import torch
from torch import nn


def conv(inputs, outputs, kernel=3, norm=nn.BatchNorm2d, act=nn.ReLU, **settings):
    settings = {"padding": kernel // 2, "bias": norm is None, **settings}
    layers = [nn.Conv2d(inputs, outputs, kernel, **settings)]
    return nn.Sequential(*layers, *([norm(outputs)] if norm else []), *([act()] if act else []))


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride=1, norm=nn.BatchNorm2d, act=nn.ReLU):
        super().__init__()
        self.body = nn.Sequential(
            conv(inputs, outputs, 3, norm, act, stride=stride), conv(outputs, outputs, 3, norm, None)
        )
        plain = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if plain else conv(inputs, outputs, 1, norm, None, stride=stride)
        self.act = act()

    def forward(self, x):
        return self.act(self.body(x) + self.shortcut(x))


class Squeeze(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels, act=nn.ReLU, gate=nn.Sigmoid):
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, 4, 1), act(), nn.Conv2d(4, channels, 1), gate()
        )

    def forward(self, x):
        return x * self.gate(x)


class Inverted(nn.Module):
    """MobileNet's block: wide, depthwise, narrow."""

    def __init__(self, inputs, outputs, stride, act, squeeze=None):
        super().__init__()
        wide = 4 * inputs
        middle = [conv(inputs, wide, 1, act=act), conv(wide, wide, 3, act=act, stride=stride, groups=wide)]
        middle += [squeeze(wide)] if squeeze else []
        self.body = nn.Sequential(*middle, conv(wide, outputs, 1, act=None))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


class Inception(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(inputs, 3, 1))
        self.branches = nn.ModuleList(
            [conv(inputs, 4, 1), nn.Sequential(conv(inputs, 3, 1), conv(3, 5, 3)), nn.Sequential(conv(inputs, 2, 1), conv(2, 3, 5)), pool]
        )

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class Fire(nn.Module):
    """SqueezeNet's module."""

    def __init__(self, inputs):
        super().__init__()
        self.narrow = conv(inputs, 3, 1, None)
        self.one, self.three = conv(3, 4, 1, None), conv(3, 4, 3, None)

    def forward(self, x):
        x = self.narrow(x)
        return torch.cat([self.one(x), self.three(x)], 1)


class Dense(nn.Module):
    """DenseNet's layer, with the concatenation of what is there."""

    def __init__(self, inputs, growth):
        super().__init__()
        self.body = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, growth, 3, padding=1, bias=False))

    def forward(self, x):
        return torch.cat([x, self.body(x)], 1)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = conv(1, 4)
        self.inner = nn.Sequential(nn.MaxPool2d(2), conv(4, 8), nn.ConvTranspose2d(8, 4, 2, 2))
        self.up = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        x = self.down(x)
        return self.up(torch.cat([x, self.inner(x)], 1))


class ConvNext(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm, self.wide, self.narrow = nn.LayerNorm(channels), nn.Linear(channels, 16), nn.Linear(16, channels)
        self.scale = nn.Parameter(torch.full((channels,), 0.1))

    def forward(self, x):
        y = self.depthwise(x).permute(0, 2, 3, 1)
        y = self.scale * self.narrow(nn.functional.gelu(self.wide(self.norm(y))))
        return x + y.permute(0, 3, 1, 2)


class Gated(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.value, self.gate = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs)

    def forward(self, x):
        return torch.tanh(self.value(x)) * torch.sigmoid(self.gate(x))


def head(channels, outputs=5):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, outputs)]


def groups(channels):
    return nn.GroupNorm(2, channels)


def instance(channels):
    return nn.InstanceNorm2d(channels, affine=True)


ACTIVATIONS = [nn.Tanh, nn.Sigmoid, nn.GELU, lambda: nn.GELU("tanh"), nn.SiLU, nn.Mish, nn.Hardswish, nn.ReLU6, nn.ELU, nn.SELU]
ACTIVATIONS += [nn.Softplus, nn.Softsign, nn.LeakyReLU, nn.Hardtanh, nn.PReLU, lambda: nn.PReLU(7), nn.Hardsigmoid, nn.CELU]


def perceptron():
    layers = []
    for act in ACTIVATIONS:
        layers += [nn.Linear(7, 7), act()]
    return nn.Sequential(*layers, nn.Linear(7, 3))


PICTURE = (3, 16, 16)
NETS = {
    "perceptron": (lambda: nn.Sequential(nn.Linear(9, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 4)), (9,)),
    "activations": (perceptron, (7,)),
    "gated": (lambda: nn.Sequential(Gated(6, 8), nn.LayerNorm(8), Gated(8, 5), nn.Softmax(1)), (6,)),
    "lenet": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
            nn.Flatten(), nn.Linear(64, 12), nn.Tanh(), nn.Linear(12, 5),
        ),
        (1, 16, 16),
    ),
    "vgg": (
        lambda: nn.Sequential(
            conv(3, 6, norm=None), conv(6, 6, norm=None), nn.MaxPool2d(2), conv(6, 8, norm=None), nn.MaxPool2d(2),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 5),
        ),
        PICTURE,
    ),
    "vgg-bn": (
        lambda: nn.Sequential(
            conv(3, 6, act=nn.LeakyReLU), nn.MaxPool2d(3, 2, 1), conv(6, 8, act=nn.ELU), nn.Flatten(), nn.BatchNorm1d(512),
            nn.ReLU(), nn.Linear(512, 5), nn.Softmax(1),
        ),
        PICTURE,
    ),
    "alexnet": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 6, 5, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(6, 8, 3, dilation=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 5),
        ),
        PICTURE,
    ),
    "resnet": (lambda: nn.Sequential(conv(3, 4), nn.MaxPool2d(3, 2, 1), Residual(4, 4), Residual(4, 8, 2), *head(8)), PICTURE),
    "resnet-gn-silu": (
        lambda: nn.Sequential(conv(3, 4, norm=groups, act=nn.SiLU), Residual(4, 8, 2, groups, nn.SiLU), *head(8)),
        PICTURE,
    ),
    "resnet-in-mish": (
        lambda: nn.Sequential(conv(3, 4, norm=instance, act=nn.Mish), Residual(4, 4, 1, instance, nn.Mish), *head(4)),
        PICTURE,
    ),
    "mobilenet-v2": (
        lambda: nn.Sequential(
            conv(3, 4, act=nn.ReLU6, stride=2), Inverted(4, 4, 1, nn.ReLU6), Inverted(4, 6, 2, nn.ReLU6), *head(6)
        ),
        PICTURE,
    ),
    "mobilenet-v3": (
        lambda: nn.Sequential(
            conv(3, 4, act=nn.Hardswish, stride=2),
            Inverted(4, 4, 1, nn.Hardswish, lambda c: Squeeze(c, gate=nn.Hardsigmoid)), *head(4),
        ),
        PICTURE,
    ),
    "efficientnet": (
        lambda: nn.Sequential(
            conv(3, 4, act=nn.SiLU, stride=2), Inverted(4, 6, 2, nn.SiLU, lambda c: Squeeze(c, nn.SiLU)), *head(6)
        ),
        PICTURE,
    ),
    "inception": (lambda: nn.Sequential(conv(3, 4), Inception(4), nn.AvgPool2d(2), Inception(15), *head(15)), PICTURE),
    "squeezenet": (lambda: nn.Sequential(conv(3, 4, norm=None), Fire(4), nn.MaxPool2d(2), Fire(8), *head(8)), PICTURE),
    "densenet": (
        lambda: nn.Sequential(conv(3, 4), Dense(4, 3), Dense(7, 3), nn.BatchNorm2d(10), nn.ReLU(), nn.AvgPool2d(2), *head(10)),
        PICTURE,
    ),
    "convnext": (
        lambda: nn.Sequential(nn.Conv2d(3, 6, 4, 4), ConvNext(6), ConvNext(6), *head(6)),
        PICTURE,
    ),
    "u-net": (lambda: UNet(), (1, 8, 8)),
    "decoder": (
        lambda: nn.Sequential(
            nn.Linear(5, 32), nn.ReLU(), nn.Unflatten(1, (8, 2, 2)), nn.ConvTranspose2d(8, 4, 3, 2, 1, 1), nn.GELU(),
            nn.Upsample(scale_factor=2), nn.ZeroPad2d((1, 2, 0, 1)), nn.Conv2d(4, 2, 3, padding="same"),
            nn.Upsample(scale_factor=2, mode="bilinear"),
        ),
        (5,),
    ),
    "series": (
        lambda: nn.Sequential(
            nn.Conv1d(4, 6, 3, padding=1), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(6, 6, 3, dilation=2, groups=2),
            nn.GELU(), nn.AvgPool1d(2), nn.Flatten(), nn.Linear(12, 3),
        ),
        (4, 16),
    ),
    "pools": (
        lambda: nn.Sequential(
            nn.AvgPool2d(3, 2, 1, ceil_mode=False, count_include_pad=False), nn.MaxPool2d(2, 2, ceil_mode=True),
            nn.Conv2d(3, 4, 3, stride=(2, 1), padding=(1, 0)), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(4, 3), nn.Sigmoid(),
        ),
        (3, 18, 18),
    ),
}


def made(name):
    """The network in evaluation mode, with batch norms that have seen something, and its example input."""
    torch.manual_seed(len(name))
    make, shape = NETS[name]
    net = make()
    x = torch.randn(8, *shape)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, nn.LayerNorm)) and module.weight is not None:
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
        net.train()
        for _ in range(5):
            net(torch.randn(8, *shape))
    return net.eval(), x
