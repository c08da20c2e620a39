"""Small residual networks for small pictures, made of torchvision's own basic block."""

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, conv1x1


class SmallResNet(nn.Module):
    """A three-stage residual network whose channels double from stage to stage.

    With 16 channels in the first stage, without pooling and with `blocks=3` it is the 20-layer CIFAR network of He et
    al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2 (with projection shortcuts). Parameter
    names are those of torchvision's ResNet.

    Args:
        num_classes: Number of outputs K.
        blocks: Residual blocks in each stage.
        pool: Whether a strided max-pool follows the stem, as in ImageNet networks; subsampling is 8 with it, else 4.
        width: Channels of the first stage; the stem has 16.
    """

    def __init__(self, num_classes: int, blocks: int, pool: bool, width: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if pool else nn.Identity()
        self.layer1 = self._stage(16, width, blocks, stride=1)
        self.layer2 = self._stage(width, 2 * width, blocks, stride=2)
        self.layer3 = self._stage(2 * width, 4 * width, blocks, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @staticmethod
    def _stage(channels: int, planes: int, blocks: int, stride: int) -> nn.Sequential:
        shortcut = None
        if stride != 1 or channels != planes:
            shortcut = nn.Sequential(conv1x1(channels, planes, stride), nn.BatchNorm2d(planes))
        first = BasicBlock(channels, planes, stride, shortcut)
        return nn.Sequential(first, *(BasicBlock(planes, planes) for _ in range(blocks - 1)))

    def forward(self, images: Tensor) -> Tensor:
        """Classify.

        Args:
            images: `(N, 3, H, W)`, normalised.

        Returns:
            Logits `(N, K)`.
        """
        features = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        features = self.layer3(self.layer2(self.layer1(features)))
        logits: Tensor = self.fc(self.avgpool(features).flatten(1))
        return logits
