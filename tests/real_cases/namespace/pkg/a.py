import pkg.sub1.net, pkg.sub2.net, pkg.sub3.net, pkg.sub4.net, pkg.sub5.net, pkg.sub6.net
