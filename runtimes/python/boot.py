print('boot')
